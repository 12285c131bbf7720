"""How it runs: everything that awaits. Intake, lanes, MongoDB, Kafka, health and the command line."""
