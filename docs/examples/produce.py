"""Publish two commands: a partner, and its invitation of a customer. Any Kafka client will do; this one is aiokafka."""

import asyncio
import json
import os

from aiokafka import AIOKafkaProducer
from aiokafka.helpers import create_ssl_context

# The variables that the worker has. Without those of PARTNERSHIP_KAFKA_... it is a Kafka without users and TLS.
env = os.environ.get
KAFKA = {
    "bootstrap_servers": os.environ["KAFKA_BOOTSTRAP"],
    "security_protocol": env("PARTNERSHIP_KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"),
    "ssl_context": create_ssl_context(cafile=env("PARTNERSHIP_KAFKA_CA_FILE")),
    "sasl_mechanism": env("PARTNERSHIP_KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"),
    "sasl_plain_username": env("PARTNERSHIP_KAFKA_USERNAME"),
    "sasl_plain_password": env("PARTNERSHIP_KAFKA_PASSWORD"),
}
PARTNER, PARTNERSHIP = "acme", "acme-and-globex"
KEY = PARTNER.encode()
"""The same for all commands of a partner, so that they share a partition: order holds within one."""


def command(kind: str, command_id: str, subject: str, **data: object) -> bytes:
    """One CloudEvent. `partitionkey` is the partner; the record's key is another thing, and keeps the order."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": command_id,  # decided once: send it again as often as you like
            "source": "/examples/produce",
            "type": f"partnerships.{kind}.v1",
            "subject": subject,
            "partitionkey": PARTNER,
            "data": data,
        }
    ).encode()


async def main() -> None:
    """Send both, and wait until the brokers have them."""
    system = {"kind": "system", "party_id": "registry", "user_id": "registry", "role": "admin"}
    paula = {"kind": "partner", "party_id": PARTNER, "user_id": "paula", "role": "admin"}
    async with AIOKafkaProducer(**KAFKA, enable_idempotence=True) as producer:
        await producer.send_and_wait(
            "partnership.facts",
            key=KEY,
            value=command(
                "RegisterPartner", "example-1", PARTNER,
                actor=system, name="Acme", contact_email="desk@acme.example", quota_limit=10,
            ),
        )  # fmt: skip
        await asyncio.sleep(1)  # order holds within one partition of one topic; across topics, wait for the answer
        await producer.send_and_wait(
            "partnership.invitation.commands",
            key=KEY,
            value=command(
                "InviteCustomer", "example-2", PARTNERSHIP,
                actor=paula, purpose="new_customer_acquisition", model="referral",
                legal_name="Globex GmbH", contact_person="Carla", email="it@globex.example", phone="+49 30 1",
                requirements="20 servers", estimated_volume="10000 EUR a month", standards_version="1",
            ),
        )  # fmt: skip
    print("sent example-1 and example-2")


asyncio.run(main())
