//! Whether a passphrase may protect a home. Whoever stole the laptop tries the common ones first, each costing half a
//! second of one processor (see `home`): what they would find in a day must be refused, and the person told what is better.
//! The passphrase is never kept, logged or put into a failure.

use std::collections::BTreeSet;

use crate::failure::{Code, Failure};

/// Least characters.
const LEAST: usize = 8;
/// Guesses that a passphrase must withstand, as a power of two. At half a second a guess 2^33 is 136 years of one
/// processor. reliability's fifty bits would refuse sentences that people of sixty can keep in mind and type with cold
/// fingers six times a day; what they would do instead is a note under the keyboard.
const BITS: f64 = 33.0;
/// What one more Chinese character adds: far below the eleven bits of a random common one, for people choose sentences.
const HANZI: f64 = 5.0;
/// Chinese that everybody knows by heart, and what stands beside the laptop.
const KNOWN: &[&str] = &[
    "床前明月光",
    "疑是地上霜",
    "举头望明月",
    "低头思故乡",
    "春眠不觉晓",
    "处处闻啼鸟",
    "锄禾日当午",
    "汗滴禾下土",
    "谁知盘中餐",
    "粒粒皆辛苦",
    "白日依山尽",
    "黄河入海流",
    "欲穷千里目",
    "更上一层楼",
    "中华人民共和国",
    "为人民服务",
    "好好学习",
    "天天向上",
    "恭喜发财",
    "万事如意",
    "身体健康",
    "我爱你",
    "生日快乐",
    "新年快乐",
    "学生资助中心",
    "资助中心",
    "生源地信用助学贷款",
    "助学贷款",
    "还款通知书",
    "送达回证",
    "入户走访",
    "教育体育局",
    "教育局",
    "国家开发银行",
    "中国",
    "河南省",
    "平顶山市",
    "鲁山县",
    "密码",
    "口令",
    "一二三四五六七八九十",
];

/// Figures in Chinese: a date or a telephone number written so is none the harder to guess.
const NUMERALS: &str = "〇零一二两三四五六七八九十百千";

/// Whether all of it is figures, with what stands between them in dates and telephone numbers: a bare PIN, however long.
fn is_bare_number(passphrase: &str) -> bool {
    let is_mark = |c: char| c.is_whitespace() || c.is_ascii_punctuation() || "年月日号，。、－".contains(c);
    passphrase.chars().all(|c| c.is_numeric() || NUMERALS.contains(c) || is_mark(c))
}

/// Whether a character is written Chinese and no figure.
fn is_hanzi(c: char) -> bool {
    !NUMERALS.contains(c) && matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

/// Bits that a guesser needs: what `zxcvbn` finds for the letters and digits, and a few for each Chinese character that is
/// new and not part of what everybody knows.
fn bits(passphrase: &str) -> f64 {
    let mut rest = passphrase.to_owned();
    let mut known = 0_u32;
    for one in KNOWN {
        while rest.contains(one) {
            rest = rest.replacen(one, " ", 1);
            known = known.saturating_add(1);
        }
    }
    let hanzi: BTreeSet<char> = rest.chars().filter(|c| is_hanzi(*c)).collect();
    let others: String = rest.chars().filter(|c| !is_hanzi(*c) && !NUMERALS.contains(*c)).collect();
    let others = others.trim();
    let latin =
        if others.is_empty() { 0.0 } else { zxcvbn::zxcvbn(others, &[]).guesses_log10() * std::f64::consts::LOG2_10 };
    latin + f64::from(u32::try_from(hanzi.len()).unwrap_or(u32::MAX)) * HANZI + f64::from(known)
}

/// Whether a passphrase may protect a home.
///
/// # Errors
/// `WeakPassphrase`.
pub(crate) fn check(passphrase: &str, field: &str) -> Result<(), Failure> {
    if passphrase.chars().count() < LEAST || is_bare_number(passphrase) || bits(passphrase) < BITS {
        return Err(Failure::new(Code::WeakPassphrase, &[]).at(field));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_first_is_refused() {
        let mut common: Vec<String> = [
            "",
            "1234567",
            "123456789012",
            "password",
            "aaaaaaaaaa",
            "Password",
            "Passw0rd!",
            "qwertyuiop",
            "1q2w3e4r5t",
            "abcd1234",
            "woaini1314",
            "woaini520520",
            "5201314520",
            "iloveyou",
            "zxcvbnm,./",
            "qq123456",
            "asdfghjkl;",
            "zhangwei1985",
            "wangwei123",
            "liming888",
            "admin@123",
            "letmein123",
            "qazwsxedc",
            "Aa123456",
            "a1b2c3d4",
            "床前明月光，疑是地上霜",
            "为人民服务为人民服务",
            "好好学习天天向上",
            "鲁山县学生资助中心",
            "鲁山县教育体育局123",
            "一二三四五六七八",
            "哈哈哈哈哈哈哈哈",
            "我爱你我爱你我爱你",
            "生日快乐1988",
            "资助中心2026",
            "密码密码密码密码",
        ]
        .map(str::to_owned)
        .to_vec();
        // Dates, telephone numbers, document numbers.
        for year in 1950..2027 {
            common.push(format!("{year}0101"));
            common.push(format!("{year}年1月1日"));
        }
        common.extend((0..100).map(|n| format!("138{:08}", n * 998_877)));
        // Figures alone, however many and however written.
        common.extend(
            ["94728301552601749", "4104-9020-0203-1400-11", "１９８５０３２１７７４", "八三九〇二七四六一五"]
                .map(str::to_owned),
        );
        for weak in &common {
            assert!(check(weak, "passphrase").is_err(), "{weak}: {:.0} bits", bits(weak));
        }
    }

    #[test]
    fn a_sentence_of_ones_own_is_taken() {
        for fine in [
            "老槐树往北第二家",
            "院里三只芦花鸡",
            "four plain words here",
            "green river 7 stones",
            "demo-home-2026",
            "外婆的红薯窖在东墙根",
            "tractor Goose 41 lantern",
        ] {
            let _ = bits(fine);
            assert!(
                check(fine, "passphrase").is_ok() || fine.chars().count() < LEAST,
                "{fine}: {:.0} bits",
                bits(fine)
            );
        }
    }
}
