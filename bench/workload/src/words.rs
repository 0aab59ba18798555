//! What every reader knows beforehand: the vocabulary of village life, names, kin, and the fields of a family.
//! Lists only, the same for every seed. No two kinds of pieces may ever begin alike: that is what keeps a text readable
//! back into its draws, and the count of their bits exact.

use std::sync::LazyLock;

/// Words that there are: 13 bits each.
const WORDS_WANTED: usize = 8_192;

/// The words of notes and values, two characters each: the first of the list that every desk has (`assets/wire`), those
/// of the field before those of the language. None begins like a name. The same for every seed.
pub(crate) static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let listed = include_str!("../../../assets/wire/words.txt").split_whitespace();
    let words = listed.filter(|word| {
        let mut characters = word.chars();
        let first = characters.next().is_some_and(|first| !SURNAMES.contains(&first));
        first && characters.count() == 1
    });
    words.take(WORDS_WANTED).map(str::to_owned).collect()
});

/// Surnames, one character each.
pub(crate) static SURNAMES: LazyLock<Vec<char>> =
    LazyLock::new(|| SURNAME_LIST.chars().filter(|c| !c.is_whitespace()).collect());

/// Characters of given names.
pub(crate) static GIVEN: LazyLock<Vec<char>> =
    LazyLock::new(|| GIVEN_LIST.chars().filter(|c| !c.is_whitespace()).collect());

/// Who somebody is to the borrower.
pub(crate) const KIN: [&str; 16] =
    ["父", "母", "祖父", "祖母", "兄", "弟", "姐", "妹", "叔", "婶", "姑", "舅", "姨", "配偶", "邻居", "村干部"];

/// What a value of a field looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Look {
    /// Free text of so many characters, from–to.
    Text(u32, u32),
    /// A person's name.
    Name,
    /// So many digits.
    Digits(u32),
    /// An amount in yuan.
    Amount,
    /// Month and day.
    Day,
}

/// The fields of a family, by name and look, in the order of their numbers.
pub(crate) const FIELDS: [(&str, Look); 25] = [
    ("ADDRESS_FOUND", Look::Text(10, 26)),
    ("WHEREABOUTS", Look::Text(10, 26)),
    ("NAME_TRUE", Look::Name),
    ("EMPLOYER", Look::Text(10, 26)),
    ("WORKPLACE", Look::Text(10, 26)),
    ("TRADE", Look::Text(8, 20)),
    ("INCOME_SOURCE", Look::Text(8, 20)),
    ("INCOME_YEAR", Look::Amount),
    ("CONTRACT_NUMBER", Look::Digits(17)),
    ("STUDENT_NUMBER", Look::Digits(14)),
    ("METER_NUMBER", Look::Digits(12)),
    ("HEALTH", Look::Text(10, 26)),
    ("MAJOR", Look::Text(8, 20)),
    ("SCHOOL", Look::Text(10, 26)),
    ("SIBLINGS", Look::Text(10, 26)),
    ("CHAT_ACCOUNT", Look::Digits(10)),
    ("PAY_ACCOUNT", Look::Digits(16)),
    ("CONTACT_PERSON", Look::Name),
    ("BEST_TIME", Look::Text(8, 20)),
    ("ABSENT_UNTIL", Look::Day),
    ("HARDSHIP", Look::Text(16, 40)),
    ("PLAN", Look::Text(16, 40)),
    ("ATTITUDE", Look::Text(10, 26)),
    ("ADVICE", Look::Text(16, 40)),
    ("REMARK", Look::Text(16, 40)),
];

const SURNAME_LIST: &str = "\
    王李赵刘陈吴徐朱胡郭何罗宋谢韩唐冯董萧程曹袁邓傅彭吕卢蒋蔡贾丁魏薛叶阎潘杜戴夏钟汪姜崔谭陆范廖姚邹熊 \
    郝孔邵侯孟龙段钱汤尹黎易乔贺赖龚庞樊殷秦史顾万雷覃向毛江邢尚岳齐柯梁";

const GIVEN_LIST: &str = "\
    一之乃书云仁伟伦佳依侠俊保信倩健元兆光克兰军凤凯刚利功勇勋勤华卓南占卫发可君启和善喜嘉国图坤培堂增士 \
    夫奇妍妮娜娟婉婷媛子宁宇安宏宝宪家宾富小少展山岩岭峰川州巧帅平庆广康延建弘强彦彩彬德心志忠怀思怡恒恩 \
    悦惠慧成才振捷敏斌新方旭旺明昌星春昭晓晨普景晶智曼月有朋术杰松林果柏树栋桂梅森楠欣正民永治泉泽洁洋洪 \
    浩海涛淑清渊源滨潇灵炎焕照燕爱珍珠珊琦琪琳琴瑞瑶璐生瑾田甜男留盈盛真睿磊福秀秋科立竹红纯纲绍维美群翠";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_text_can_be_read_back_into_its_draws() {
        let words: BTreeSet<&String> = WORDS.iter().collect();
        assert_eq!((words.len(), WORDS.len()), (8_192, 8_192), "each word stands once");
        assert!(WORDS.iter().all(|word| word.chars().count() == 2));
        let surnames: BTreeSet<char> = SURNAMES.iter().copied().collect();
        assert_eq!(surnames.len(), SURNAMES.len());
        assert_eq!(GIVEN.iter().collect::<BTreeSet<_>>().len(), GIVEN.len());
        for word in WORDS.iter() {
            let first = word.chars().next().unwrap();
            assert!(!surnames.contains(&first) && !first.is_ascii_digit(), "{word} begins like another piece");
        }
        assert_eq!(KIN.iter().collect::<BTreeSet<_>>().len(), KIN.len());
        assert_eq!(FIELDS.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), FIELDS.len());
    }
}
