#!/usr/bin/env python3
"""Several clients at work on one Orthanc: a clinic's day in seconds.

Each client stores real DICOM files (over REST, every fourth over DICOM C-STORE), then modifies,
anonymises, annotates, searches and deletes studies through REST.  Patients are shared between the
clients, so that their transactions meet on the same rows.

Prints `requests`, `failures`, `repeated` and one line per operation; each failed request goes to
stderr.  Any refusal (400 and above) and any missing answer is a failure: no client asks for anything
that is not there.  With --repeats, a request answered with 500 or above is sent again first.
"""

import argparse
import collections
import http.client
import io
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import pydicom
from pydicom.uid import generate_uid

UNCOMPRESSED = [
    "CT_small.dcm", "MR_small.dcm", "liver_1frame.dcm", "reportsi.dcm",
    "rtdose.dcm", "rtplan.dcm", "test-SR.dcm", "waveform_ecg.dcm",
]
SAMPLES = UNCOMPRESSED + ["JPEG2000.dcm", "SC_rgb_rle.dcm"]
NAMES = ["Müller^Änne", "O'Brien^Seán", "Nguyễn^Thị", "Doe^John", "García^José", "Smith^Jane"]


class Tally:
    """Counts of requests and failures, shared by all clients."""

    def __init__(self):
        self.lock = threading.Lock()
        self.requests = collections.Counter()
        self.failures = 0
        self.repeated = 0

    def repeat(self):
        with self.lock:
            self.repeated += 1

    def add(self, operation, problem=None):
        with self.lock:
            self.requests[operation] += 1
            if problem:
                self.failures += 1
                print(f"{operation}: {problem}", file=sys.stderr)

    def report(self):
        print(f"requests {sum(self.requests.values())}")
        print(f"failures {self.failures}")
        print(f"repeated {self.repeated}")
        for operation, count in sorted(self.requests.items()):
            print(f"{operation} {count}")


class Client(threading.Thread):
    """One workstation: its own studies, everybody's patients."""

    def __init__(self, number, options, tally):
        super().__init__(daemon=True)
        self.options = options
        self.tally = tally
        self.random = random.Random(number)
        self.number = number
        self.studies = []
        self.stored = 0

    def run(self):
        end = time.monotonic() + self.options.seconds
        steps = [self.store] * 4 + [self.modify, self.anonymise, self.annotate, self.search, self.delete]
        for name in SAMPLES:
            self.store(name)
        while time.monotonic() < end:
            self.random.choice(steps)()

    def exchange(self, method, path, body):
        """One HTTP exchange over a connection of its own: status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.options.http_port, timeout=30)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def request(self, operation, method, path, body=None):
        """Send one request; its decoded answer, or None when it was refused."""
        if isinstance(body, dict):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        for attempt in range(self.options.repeats + 1):
            if attempt:
                self.tally.repeat()
            try:
                status, data = self.exchange(method, path, body)
            except OSError as error:
                status, data = 599, repr(error)
            if status < 500:
                break
        if status >= 400:
            self.tally.add(operation, problem=f"{status} {path} {data[:300]!r}")
            return None
        self.tally.add(operation)
        try:
            return json.loads(data)
        except ValueError:
            return data

    def new_file(self, name):
        """A sample with a patient and a study of our own, as the modality would send it."""
        dataset = pydicom.dcmread(self.options.samples / name, force=True)
        patient = self.random.randrange(len(NAMES))
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.PatientID = f"P{patient:04d}"
        dataset.PatientName = NAMES[patient]
        dataset.PatientBirthDate = "19700101"
        dataset.AccessionNumber = f"A{self.number}-{self.stored}"
        dataset.StudyInstanceUID = generate_uid()
        dataset.SeriesInstanceUID = generate_uid()
        dataset.SOPInstanceUID = generate_uid()
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        buffer = io.BytesIO()
        dataset.save_as(buffer)
        self.stored += 1
        return buffer.getvalue()

    def store(self, name=None):
        if self.options.dicom_port and self.stored % 4 == 3:
            self.store_by_dicom(self.new_file(self.random.choice(UNCOMPRESSED)))
            return
        answer = self.request("store", "POST", "/instances",
                              self.new_file(name or self.random.choice(SAMPLES)))
        if answer:
            self.studies.append(answer["ParentStudy"])

    def store_by_dicom(self, data):
        with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
            file.write(data)
            file.flush()
            for attempt in range(self.options.repeats + 1):
                if attempt:
                    self.tally.repeat()
                result = subprocess.run(
                    ["storescu", "-aet", "MODALITY", "-aec", "ORTHANC", "--required",
                     "127.0.0.1", str(self.options.dicom_port), file.name],
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
                if result.returncode == 0:
                    break
        self.tally.add("c-store", problem=result.stdout if result.returncode else None)

    def some_study(self):
        return self.random.choice(self.studies) if self.studies else None

    def modify(self):
        study = self.some_study()
        if study:
            keep = self.random.random() < 0.5
            answer = self.request("modify", "POST", f"/studies/{study}/modify", {
                "Replace": {"StudyDescription": f"Second reading {self.stored}"},
                "KeepSource": keep,
            })
            if answer:
                self.studies.append(answer["ID"])
                if not keep:
                    self.studies.remove(study)

    def anonymise(self):
        study = self.some_study()
        if study:
            answer = self.request("anonymise", "POST", f"/studies/{study}/anonymize", {})
            if answer:
                self.studies.append(answer["ID"])

    def annotate(self):
        study = self.some_study()
        if study:
            self.request("annotate", "PUT", f"/studies/{study}/metadata/1024", f"read at {time.time()}")

    def search(self):
        self.request("search", "POST", "/tools/find", {
            "Level": "Study", "Query": {"PatientID": f"P{self.random.randrange(len(NAMES)):04d}"}})

    def delete(self):
        if len(self.studies) > 3:
            study = self.studies.pop(self.random.randrange(len(self.studies)))
            self.request("delete", "DELETE", f"/studies/{study}")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=Path, default=Path(pydicom.data.__file__).parent / "test_files")
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--dicom-port", type=int, help="also store over DICOM")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=0, help="attempts after a first one that failed")
    parser.add_argument("--seconds", type=float, default=10, help="0: only store every sample once")
    return parser.parse_args()


def main():
    options = parse_options()
    warnings.simplefilter("ignore")  # samples are not all valid DICOM, and need not be
    if not shutil.which("storescu"):
        options.dicom_port = None
    tally = Tally()
    clients = [Client(number, options, tally) for number in range(options.clients)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    tally.report()
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
