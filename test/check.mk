# targets for tests
