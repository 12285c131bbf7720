"""What this process was given: is it what the workers have?"""

from contracts.topics import TopicName
from worker.mongo.format_in_use import FORMAT, FormatInUse
from worker.operate.doctor.look import Look, sealed, topology
from worker.operate.doctor.report import Finding, Says, count
from worker.policy_file import SETTING, load_policy
from worker.release import version
from worker.settings import SettingsError


async def settings(look: Look, says: Says) -> list[Finding]:
    """Do the settings of this process fit the deployment?"""
    given = look.access.settings
    found = []
    try:
        policy = load_policy(given.policy_file)
    except SettingsError as error:
        do = "Mend the file before a worker starts again: it would end with exit code 2."
        return [says.problem("; ".join(str(error).splitlines()), do)]
    stored = None if look.mongo_down else await look.once(topology)
    lanes = (stored or {}).get(TopicName.LANES.replace(".", "-"))
    if lanes is not None and lanes != given.lanes:
        found.append(
            says.warning(
                f"PARTNERSHIP_LANES is {given.lanes} here, and this deployment has {lanes}",
                f"Set it to {lanes}: a worker with this environment refuses to start.",
            )
        )
    names = {"kafka_bootstrap": "KAFKA_BOOTSTRAP", "secret": "PARTNERSHIP_SECRET"}
    unset = [names[name] for name in sorted(given.missing)]
    if unset:
        found.append(says.warning(f"{' and '.join(unset)} not set here", "Set what the workers have."))
    where = f"of {given.policy_file}" if given.policy_file else f"the defaults ({SETTING} is not set)"
    return found or [says.ok(f"policy version {policy.version}, {where}", policy=policy.version)]


async def secret(look: Look, says: Says) -> list[Finding]:
    """Is this the secret with which the workers seal their own commands? The newest of the lane log say so."""
    if not look.access.has_secret:
        return [says.unknown("PARTNERSHIP_SECRET is not set, so nothing can be compared", "Set it as the workers do.")]
    seals = [look.access.secrets.is_sealed(record.value, record.seal) for record in await look.once(sealed)]
    matching, others = seals.count(True), seals.count(False)
    if not matching + others:
        return [says.ok("nothing sealed among the newest records, so nothing to compare with")]
    if not matching:
        return [
            says.problem(
                f"{count(others, 'record')} of the newest were sealed with another secret",
                "Use the workers' PARTNERSHIP_SECRET: what you seal would not be believed.",
            )
        ]
    if others:
        return [
            says.warning(
                f"{others} of the {matching + others} newest sealed records have another seal than ours",
                "Do all workers have one secret? Else somebody forges: see who may write to the lane log.",
            )
        ]
    return [says.ok(f"it matches the seals of {count(matching, 'record')}", matching=matching)]


async def release(look: Look, says: Says) -> list[Finding]:
    """Is this release as late as the latest that has written here?"""
    number = await FormatInUse(look.access.client, look.access.settings.mongo_database).number()
    numbers = {"release": version(), "format": FORMAT, "in_use": number}
    if number > FORMAT:
        text = f"a later release has written here, in format {number}; this one ({version()}) knows {FORMAT}"
        return [says.problem(text, "Use the workers' release: this one may not read what is there.", **numbers)]
    return [says.ok(f"release {version()}, format {FORMAT}", **numbers)]
