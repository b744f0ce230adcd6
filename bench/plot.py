"""Line charts as SVG."""

from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 45, 50, 110
COLOURS = ["#444444", "#0072b2", "#e69f00", "#cc79a7", "#d55e00"]  # told apart by the colour-blind, too
STYLE = "font-family: sans-serif; font-size: 13px"


def steps(top):
    """About five round numbers from 0 to at least top."""
    size = 10.0 ** len(str(int(top)))
    while size < 1e-9 or top / size < 4:
        size /= 10
    for factor in (10, 5, 2, 1):
        if top / (size * factor) >= 4:
            size *= factor
            break
    count = int(-(-top // size))
    return [i * size for i in range(count + 1)]


def label(value):
    return f"{value:,.0f}".replace(",", " ") if value >= 10 or value == int(value) else f"{value:.3g}"


def line(x1, y1, x2, y2, colour, width=1):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def text(x, y, content, anchor="middle", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {extra}>{escape(content)}</text>'


def chart(title, x_title, y_title, curves, x_ticks=None):
    """curves: name -> list of (x, y), or of (x, y, lowest, highest).  Both axes begin at 0."""
    points = [point for curve in curves.values() for point in curve]
    ys = steps(max(max(point[1:]) for point in points) or 1)
    xs = x_ticks or steps(max(point[0] for point in points))

    def place(x, y):
        return (LEFT + (WIDTH - LEFT - RIGHT) * x / max(xs),
                HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / max(ys))

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" style="{STYLE}">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
             text(WIDTH / 2, 25, title, extra='font-weight="bold"')]
    for y in ys:
        parts += [line(*place(0, y), *place(max(xs), y), "#dddddd"),
                  text(LEFT - 8, place(0, y)[1] + 4, label(y), "end")]
    for x in xs:
        parts += [line(*place(x, 0), place(x, 0)[0], place(x, 0)[1] + 5, "#444444"),
                  text(place(x, 0)[0], place(x, 0)[1] + 20, label(x))]
    parts += [line(*place(0, 0), *place(max(xs), 0), "#444444"),
              text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 42, x_title),
              f'<g transform="translate(18 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)">{text(0, 0, y_title)}</g>']
    for number, (name, curve) in enumerate(curves.items()):
        parts += drawn(curve, COLOURS[number % len(COLOURS)], place)
        parts += legend(number, name, len(curves))
    return "\n".join([*parts, "</svg>"]) + "\n"


def drawn(curve, colour, place):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(point[0], point[1]) for point in curve))
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
    for point in curve:
        x, y = place(point[0], point[1])
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')
        if len(point) == 4:
            parts.append(line(*place(point[0], point[2]), *place(point[0], point[3]), colour))
    return parts


def legend(number, name, count):
    """Short names side by side, long ones below each other."""
    if count > 3:
        x, y = LEFT + number * (WIDTH - LEFT - RIGHT) / count, HEIGHT - 30
    else:
        x, y = LEFT, HEIGHT - 42 + number * 18
    colour = COLOURS[number % len(COLOURS)]
    return [line(x, y, x + 22, y, colour, 3), text(x + 28, y + 4, name, "start")]
