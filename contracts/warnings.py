"""What a side must know before it ends a partnership (R89 to R92, R96, R100, R101, R107, R108, R111, R112).

The texts are part of the contract, so that what was confirmed can be shown later; a new text is a new version.
`{name}` is filled in by whoever shows them, from the notice that asks for reading them, or from TerminationChecked.
"""
# ruff: noqa: RUF001 - Chinese has punctuation of its own

from typing import Literal, get_args

from contracts.terms import Language

WARNING_VERSION = "1"

WarningKey = Literal[
    "data",
    "retention",
    "backup",
    "refund",
    "billing_cycle",
    "final_bill",
    "loss_of_functions",
    "another_way",
    "no_updates",
    "reactivation",
    "support",
]
WARNING_KEYS: tuple[WarningKey, ...] = get_args(WarningKey)

WARNINGS: dict[WarningKey, dict[Language, str]] = {
    "data": {
        "en": "After the end your business data is handled as data protection demands, and then deleted.",
        "zh-Hans": "合作关系终止后，您的业务数据将按照数据保护要求处理，随后删除。",
    },
    "retention": {
        "en": "Your data is kept for {retention_days} days after the end. After that nobody can recover it.",
        "zh-Hans": "您的数据在终止后保留 {retention_days} 天，此后将无法恢复。",
    },
    "backup": {
        "en": "Back up your data first. You can ask for an export of customer information and sales records.",
        "zh-Hans": "请先备份数据。您可以申请导出客户信息和销售记录。",
    },
    "refund": {
        "en": "Whether you are refunded for the rest of the billing cycle depends on the refund policy: {refund}.",
        "zh-Hans": "当前计费周期剩余部分是否退款，取决于退款政策：{refund}。",
    },
    "billing_cycle": {
        "en": "Your current billing cycle runs from {cycle_starts_at} to {cycle_ends_at}.",
        "zh-Hans": "您当前的计费周期为 {cycle_starts_at} 至 {cycle_ends_at}。",
    },
    "final_bill": {
        "en": "You will get a final bill. Check it within {bill_confirmation_days} days; then it counts as confirmed.",
        "zh-Hans": "您将收到最终账单。请在 {bill_confirmation_days} 天内核对，逾期视为已确认。",
    },
    "loss_of_functions": {
        "en": "You lose the functions and tools that came with the partnership.",
        "zh-Hans": "您将失去合作关系所提供的功能和工具。",
    },
    "another_way": {
        "en": "You will need another way to do this work, which costs time and effort.",
        "zh-Hans": "您需要以其他方式完成相关工作，这会耗费时间和精力。",
    },
    "no_updates": {
        "en": "You get no more updates and no new functions.",
        "zh-Hans": "您将不再获得更新和新功能。",
    },
    "reactivation": {
        "en": "Within the retention you can ask for the partnership back. It may take further steps, or a fee.",
        "zh-Hans": "在保留期内您可以申请恢复合作关系，可能需要额外步骤或费用。",
    },
    "support": {
        "en": "Support helps at any time: by phone, by e-mail, and by online chat around the clock.",
        "zh-Hans": "您可以随时联系客服：电话、电子邮件，以及 24 小时在线聊天。",
    },
}


def text_key(key: WarningKey, language: Language, version: str = WARNING_VERSION) -> str:
    """The key of a warning's text, for those who keep texts by key: `warning.1.data.en`."""
    return f"warning.{version}.{key}.{language}"
