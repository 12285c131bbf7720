"""Real Kafka and real MongoDB for the demo, the tests and the benchmark. The worker itself never imports this."""

from worker.servers.kafka import LocalKafka
from worker.servers.mongo import LocalMongo
from worker.servers.process import ServersUnavailableError
from worker.servers.running import Servers, start_servers

__all__ = ["LocalKafka", "LocalMongo", "Servers", "ServersUnavailableError", "start_servers"]
