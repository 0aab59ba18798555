//! The fixed words of the forms, read from the versioned files under `assets/forms/zh`. They are
//! compiled in rather than handed over by the caller: the template version is printed on the
//! sheet and stands in the QR code, so words and drawing code must not be mixed from two
//! releases. A county's adviser can still read and compare them as plain files.
//! No sentence addressed to people may stand in Rust code; a wording that threatens is refused.

use std::sync::{Arc, OnceLock};

use serde::Deserialize;

use crate::FormError;
use crate::facts::ServiceCause;

/// Words for one addressee and for two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneOrBoth {
    pub(crate) one: String,
    pub(crate) both: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoticeWording {
    pub(crate) template: String,
    pub(crate) code: String,
    pub(crate) title: String,
    pub(crate) you: OneOrBoth,
    pub(crate) salutation: OneOrBoth,
    pub(crate) before_table: Vec<String>,
    pub(crate) columns: [String; 5],
    pub(crate) total_in_figures: String,
    pub(crate) total_in_words: String,
    pub(crate) account: String,
    pub(crate) agency: String,
    pub(crate) after_table: Vec<String>,
    pub(crate) foot: Vec<String>,
    pub(crate) foot_address: String,
    pub(crate) page: String,
    pub(crate) reprint: String,
    pub(crate) template_line: String,
    pub(crate) sample: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CauseWording {
    repayment_notice: String,
    overdue_reminder: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiptWording {
    pub(crate) template: String,
    pub(crate) code: String,
    pub(crate) title: String,
    pub(crate) cause_label: String,
    pub(crate) cause: CauseWording,
    pub(crate) letters_label: String,
    pub(crate) copies: String,
    pub(crate) addressee_label: String,
    pub(crate) address_label: String,
    pub(crate) mode_label: String,
    pub(crate) modes: [Vec<String>; 2],
    pub(crate) time_label: String,
    pub(crate) time: String,
    pub(crate) signature_label: String,
    pub(crate) signature_lines: Vec<String>,
    pub(crate) fingerprint: String,
    pub(crate) proxy_label: String,
    pub(crate) proxy_lines: Vec<String>,
    pub(crate) relation_label: String,
    pub(crate) relation_lines: Vec<String>,
    pub(crate) refusal_label: String,
    pub(crate) refusal_lines: Vec<String>,
    pub(crate) witness_label: String,
    pub(crate) witness_cells: [String; 3],
    pub(crate) server_labels: [String; 2],
    pub(crate) remarks_label: String,
    pub(crate) remarks_lines: Vec<String>,
    pub(crate) instructions_title: String,
    pub(crate) instructions: Vec<String>,
    pub(crate) complaint: String,
    pub(crate) reprint: String,
    pub(crate) template_line: String,
    pub(crate) sample: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PaymentWording {
    pub(crate) template: String,
    pub(crate) title: String,
    pub(crate) copies: [String; 2],
    pub(crate) borrower_label: String,
    pub(crate) payer_label: String,
    pub(crate) channel_label: String,
    pub(crate) time_label: String,
    pub(crate) figures_label: String,
    pub(crate) capitals_label: String,
    pub(crate) reference_label: String,
    pub(crate) terminal_label: String,
    pub(crate) card_label: String,
    pub(crate) absent: String,
    pub(crate) notes: [String; 3],
    pub(crate) phones: String,
    pub(crate) signature: String,
    pub(crate) date: String,
    pub(crate) printed: String,
    pub(crate) cut: String,
    pub(crate) reprint: String,
    pub(crate) template_line: String,
    pub(crate) sample: String,
}

impl CauseWording {
    pub(crate) fn of(&self, cause: ServiceCause) -> &str {
        match cause {
            ServiceCause::RepaymentNotice => &self.repayment_notice,
            ServiceCause::OverdueReminder => &self.overdue_reminder,
        }
    }
}

/// The wording of every form, at one version each.
pub(crate) struct Wordings {
    pub(crate) notice: NoticeWording,
    pub(crate) receipt: ReceiptWording,
    pub(crate) payment: PaymentWording,
}

const NOTICE: &str = include_str!("../../../assets/forms/zh/repayment-notice.json");
const RECEIPT: &str = include_str!("../../../assets/forms/zh/service-receipt.json");
const PAYMENT: &str = include_str!("../../../assets/forms/zh/payment-slip.json");

static WORDINGS: OnceLock<Result<Wordings, WordingError>> = OnceLock::new();

/// Why a wording file cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WordingError {
    /// The file does not have the expected fields.
    #[error("the wording file does not read as a form wording")]
    Shape(#[source] Arc<serde_json::Error>),
    /// The file holds words no letter may carry.
    #[error("the wording holds forbidden words: {0:?}")]
    Forbidden(Vec<&'static str>),
}

/// The compiled-in wording, read and checked at the first call.
pub(crate) fn wordings() -> Result<&'static Wordings, FormError> {
    WORDINGS
        .get_or_init(|| {
            for text in [NOTICE, RECEIPT, PAYMENT] {
                let found = forbidden_words(text);
                if !found.is_empty() {
                    return Err(WordingError::Forbidden(found));
                }
            }
            let shape = |e| WordingError::Shape(Arc::new(e));
            Ok(Wordings {
                notice: serde_json::from_str(NOTICE).map_err(shape)?,
                receipt: serde_json::from_str(RECEIPT).map_err(shape)?,
                payment: serde_json::from_str(PAYMENT).map_err(shape)?,
            })
        })
        .as_ref()
        .map_err(|e| FormError::Wording(e.clone()))
}

/// What no letter to a household may say: police and detention, exposure, harm to work,
/// enlistment or the children's schooling, ultimatums, the family's poverty status, shouting.
// LAW: administrative neutrality and the ban on threats in collection.
const FORBIDDEN: &[&str] = &[
    "拘留",
    "拘押",
    "逮捕",
    "抓捕",
    "坐牢",
    "判刑",
    "刑事",
    "警察",
    "公安",
    "派出所",
    "曝光",
    "公示",
    "公布名单",
    "张贴",
    "上墙",
    "喇叭",
    "广播",
    "全村",
    "开除",
    "辞退",
    "解聘",
    "失去工作",
    "丢工作",
    "参军",
    "入伍",
    "政审",
    "子女上学",
    "子女入学",
    "孩子上学",
    "最后通牒",
    "后果自负",
    "老赖",
    "黑名单",
    "失信被执行人",
    "贫困",
    "困难户",
    "低保",
    "五保",
    "建档立卡",
    "脱贫",
    "！",
    "!",
];

/// The forbidden words found in a text, in the order of the list; empty if it may be printed.
pub fn forbidden_words(text: &str) -> Vec<&'static str> {
    FORBIDDEN.iter().copied().filter(|w| text.contains(w)).collect()
}

/// What a placeholder stands for, and how it may be set.
pub(crate) enum Value {
    /// Ordinary words.
    Words(String),
    /// A person's name: one face for the whole of it, never broken.
    Name(String),
    /// A number, date or amount: never broken.
    Whole(String),
}

/// How a stretch of text is to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Plain,
    Name,
    Whole,
}

/// A stretch of text with its role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) role: Role,
    pub(crate) strong: bool,
}

impl Piece {
    pub(crate) fn plain(text: impl Into<String>) -> Vec<Self> {
        vec![Self { text: text.into(), role: Role::Plain, strong: false }]
    }

    pub(crate) fn strong(text: impl Into<String>) -> Vec<Self> {
        vec![Self { text: text.into(), role: Role::Plain, strong: true }]
    }

    pub(crate) fn name(text: impl Into<String>) -> Self {
        Self { text: text.into(), role: Role::Name, strong: false }
    }
}

/// Fills `{placeholders}` of a wording and splits `**strong**` stretches off.
pub(crate) fn fill(template: &str, values: &[(&str, Value)]) -> Result<Vec<Piece>, FormError> {
    let mut out = Vec::new();
    let mut strong = false;
    for (at, part) in template.split("**").enumerate() {
        if at > 0 {
            strong = !strong;
        }
        let mut rest = part;
        while let Some((before, after)) = rest.split_once('{') {
            push(&mut out, before, Role::Plain, strong);
            let (key, tail) = after.split_once('}').ok_or_else(|| FormError::Placeholder(after.to_owned()))?;
            let value = values
                .iter()
                .find(|(k, _)| *k == key)
                .map(|(_, v)| v)
                .ok_or_else(|| FormError::Placeholder(key.to_owned()))?;
            match value {
                Value::Words(t) => push(&mut out, t, Role::Plain, strong),
                Value::Name(t) => push(&mut out, t, Role::Name, strong),
                Value::Whole(t) => push(&mut out, t, Role::Whole, strong),
            }
            rest = tail;
        }
        push(&mut out, rest, Role::Plain, strong);
    }
    Ok(out)
}

fn push(out: &mut Vec<Piece>, text: &str, role: Role, strong: bool) {
    if !text.is_empty() {
        out.push(Piece { text: text.to_owned(), role, strong });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_wording_reads_and_threatens_nobody() {
        assert!(wordings().is_ok());
        assert!(forbidden_words(NOTICE).is_empty());
        assert!(forbidden_words(RECEIPT).is_empty());
        assert!(forbidden_words(PAYMENT).is_empty());
    }

    #[test]
    fn threats_are_found() {
        assert_eq!(forbidden_words("再不还款就让警察上门，名字上墙！"), ["警察", "上墙", "！"]);
        assert!(forbidden_words("有困难请早说：正在读研、服兵役").is_empty());
    }

    #[test]
    fn an_unknown_placeholder_stops_the_print() {
        assert!(matches!(
            fill("截至{as_of}", &[]),
            Err(FormError::Placeholder(key)) if key == "as_of"
        ));
    }

    #[test]
    fn strong_stretches_and_values_keep_their_roles() {
        let pieces =
            fill("**日期：{d}**，请{n}", &[("d", Value::Whole("12月".into())), ("n", Value::Name("王秋禾".into()))])
                .expect("filled");
        let roles: Vec<_> = pieces.iter().map(|p| (p.text.as_str(), p.role, p.strong)).collect();
        assert_eq!(
            roles,
            [
                ("日期：", Role::Plain, true),
                ("12月", Role::Whole, true),
                ("，请", Role::Plain, false),
                ("王秋禾", Role::Name, false),
            ]
        );
    }
}
