//! What every reader knows beforehand: the vocabulary of village life, names, kin, and the fields of a family.
//! Lists only, the same for every seed. No two kinds of pieces may ever begin alike: that is what keeps a text readable
//! back into its draws, and the count of their bits exact.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::dice::Dice;

/// Words that there are: 13 bits each, and 48 KiB in all, so that a shipped dictionary of 64 KiB can hold them.
const WORDS_WANTED: usize = 8_192;

/// The words of notes and values, two characters each: those of the list, and then compounds whose first character
/// begins a word and whose second ends one. The same for every seed.
pub(crate) static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let listed: Vec<&str> = VOCABULARY.split_whitespace().collect();
    let mut words: Vec<String> = listed.iter().map(|word| (*word).to_owned()).collect();
    let mut known: BTreeSet<String> = words.iter().cloned().collect();
    let heads: Vec<char> = once_each(listed.iter().filter_map(|word| word.chars().next()));
    let tails: Vec<char> = once_each(listed.iter().filter_map(|word| word.chars().last()));
    let mut dice = Dice::new(0, [u32::MAX, u32::MAX]);
    while words.len() < WORDS_WANTED && known.len() < heads.len().saturating_mul(tails.len()) {
        let compound: String = dice.pick(&heads).into_iter().chain(dice.pick(&tails)).collect();
        if known.insert(compound.clone()) {
            words.push(compound);
        }
    }
    words
});

fn once_each(characters: impl Iterator<Item = char>) -> Vec<char> {
    characters.collect::<BTreeSet<char>>().into_iter().collect()
}

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

const VOCABULARY: &str = "\
    父亲 母亲 爷爷 奶奶 外公 外婆 大伯 二叔 三叔 小叔 婶子 姑姑 姑父 舅舅 舅妈 姨妈 姨父 哥哥 \
    嫂子 弟弟 弟媳 姐姐 姐夫 妹妹 妹夫 堂哥 堂弟 表哥 表弟 表姐 女儿 儿子 女婿 儿媳 孙子 外孙 \
    邻居 邻家 队长 组长 支书 主任 会计 村医 老师 校长 同学 室友 学生 本人 家长 家人 亲戚 老乡 \
    工友 老板 房东 租户 媒人 木匠 瓦匠 司机 厨师 店主 护工 保安 中介 村民 老人 孩子 小孩 妇女 \
    青年 早上 上午 中午 下午 傍晚 晚上 昨天 今天 明天 后天 前天 月初 月中 月底 年初 年底 春节 \
    清明 端午 中秋 国庆 元旦 腊月 正月 秋收 麦收 农忙 农闲 开春 入冬 暑假 寒假 去年 今年 明年 \
    前年 上月 下月 本月 本周 下周 周末 近日 最近 以前 以后 刚才 马上 立刻 经常 偶尔 每天 每周 \
    每月 每年 有时 暂时 长期 短期 临时 随后 当天 次日 白天 夜里 凌晨 逢集 赶集 雨天 晴天 郑州 \
    洛阳 开封 南阳 信阳 商丘 周口 漯河 许昌 新乡 安阳 焦作 濮阳 北京 天津 上海 广州 深圳 东莞 \
    佛山 惠州 中山 珠海 杭州 宁波 温州 义乌 苏州 无锡 常州 南京 昆山 南通 武汉 襄阳 宜昌 长沙 \
    南昌 合肥 西安 太原 石家 济南 青岛 烟台 厦门 泉州 福州 成都 重庆 贵阳 昆明 兰州 西宁 银川 \
    新疆 内蒙 沈阳 大连 长春 海口 三亚 省城 县城 市区 镇上 乡里 街上 城关 外省 本地 外地 沿海 \
    老家 娘家 婆家 村口 村头 村尾 村东 村西 村南 村北 桥头 河边 坡上 山下 山脚 山顶 沟里 洼地 \
    岭上 塘边 井边 路口 路边 街口 巷口 学校 卫生 诊所 超市 商店 饭店 粮店 药店 网吧 理发 磨坊 \
    粉坊 油坊 砖厂 瓦厂 石场 沙场 煤矿 电厂 水厂 纸厂 鞋厂 服装 玩具 家具 模具 电子 五金 塑料 \
    印刷 物流 快递 仓库 工地 车间 宿舍 食堂 门卫 庙前 祠堂 戏台 广场 球场 菜园 果园 苗圃 鱼塘 \
    猪场 鸡场 羊圈 牛棚 大棚 麦地 稻田 林地 荒坡 水库 水渠 涵洞 渡口 车站 加油 信用 银行 邮局 \
    派出 法庭 敬老 幼儿 小学 初中 高中 大学 技校 老屋 新房 瓦房 平房 楼房 土坯 砖房 院子 院墙 \
    大门 铁门 木门 后门 厨房 堂屋 西屋 东屋 阁楼 地窖 水井 柴房 牛屋 房顶 窗户 台阶 影壁 门牌 \
    门楼 对联 槐树 杨树 柳树 柿树 枣树 核桃 石榴 桐树 椿树 竹林 石磨 石碾 碾盘 电杆 路灯 水塔 \
    机井 变压 基站 标语 宣传 栏杆 护坡 小麦 玉米 红薯 花生 大豆 芝麻 棉花 烟叶 油菜 水稻 谷子 \
    高粱 绿豆 土豆 萝卜 白菜 大葱 大蒜 辣椒 茄子 黄瓜 西瓜 苹果 桃子 葡萄 药材 丹参 艾草 香菇 \
    木耳 养猪 养牛 养羊 养鸡 养鸭 养蜂 养鱼 种菜 种树 种药 收粮 卖粮 打药 施肥 浇地 犁地 耙地 \
    播种 收割 晒粮 脱粒 入仓 租地 包地 流转 补贴 农机 拖车 三轮 摩托 电车 货车 轿车 面包 客车 \
    打工 务工 上班 下班 加班 夜班 倒班 辞职 失业 待业 求职 面试 入职 实习 培训 创业 开店 摆摊 \
    跑车 送货 装修 刷墙 砌墙 焊工 电工 钳工 车工 缝纫 裁剪 质检 包装 搬运 保洁 月嫂 看护 带娃 \
    做饭 洗衣 种地 放羊 喂猪 砍柴 采药 编筐 刺绣 理货 收银 客服 销售 文员 会务 设计 编程 维修 \
    修车 开车 押车 装车 卸货 分拣 代课 支教 考研 考编 考公 复读 休学 退学 转学 毕业 升学 读研 \
    读博 留学 参军 退伍 结婚 离婚 订婚 怀孕 生子 坐月 搬家 盖房 买房 租房 还贷 存钱 取钱 转账 \
    汇款 借钱 欠账 记账 对账 交费 缴费 充值 办卡 挂失 补卡 销户 开户 登录 注册 下载 扫码 改密 \
    忘记 绑定 解绑 查询 核对 核实 确认 更正 更新 补充 登记 签字 签收 盖章 拍照 复印 打印 邮寄 \
    代收 转交 通知 提醒 告知 说明 解释 讲解 宣讲 指导 演示 协助 陪同 联系 拨打 接听 回电 短信 \
    微信 视频 语音 留言 加友 拉群 走访 入户 上门 敲门 等候 返回 离开 路过 寻找 打听 询问 座谈 \
    商量 讨论 约定 承诺 答应 同意 拒绝 推迟 提前 按时 逾期 结清 部分 全额 本金 利息 罚息 余额 \
    欠款 到期 期限 合同 账号 账户 密码 手机 号码 停机 空号 占线 关机 无人 换号 新号 旧号 座机 \
    地址 住址 户口 身份 证件 名字 小名 曾用 生日 年龄 属相 籍贯 专业 班级 年级 学费 住宿 生活 \
    助学 贷款 资助 奖学 勤工 减免 低保 五保 残疾 重病 住院 手术 出院 复查 吃药 打针 输液 透析 \
    化疗 骨折 中风 偏瘫 糖尿 血压 心脏 哮喘 眼疾 耳聋 去世 丧事 喜事 满月 寿宴 上坟 祭祖 庙会 \
    唱戏 看戏 明白 清楚 糊涂 着急 放心 担心 感谢 热情 客气 冷淡 配合 积极 主动 诚恳 为难 困难 \
    宽裕 紧张 稳定 不稳 收入 工资 日结 月结 年结 拖欠 讨薪 支出 开销 药费 彩礼 人情 份子 化肥 \
    种子 农药 饲料 柴油 电费 水费 话费 网费 房租 房贷 车贷 外债 存款 零钱 现金 刷卡 支付 银联 \
    终端 网点 柜台 排队 周转 凑齐 凑够 分期 一次 两次 三次 几次 多次 全部 一半 少量 大约 至少 \
    最多 剩余 已还 未还 待还 可还 愿还 能还 先还 再还 尽快 尽量 努力 争取 保证 计划 打算 准备 \
    希望 想法 意见 建议 要求 问题 原因 情况 材料 证明 回执 回证 单子 凭证 截图 照片 档案 文书 \
    信件 公函 表格 名单 台账 手册 政策 流程 时间 地点 方式 结果 下次 再来 改天 改约 另约 顺路 \
    同路 带路 指路 步行 骑车 乘车 下雨 下雪 大雾 路滑 修路 封路 堵车 停电 停水 断网 信号 不通 \
    能通 打通 接通 转告 捎话 留条 贴条 放下 收下 看过 读过 听懂 记住 写下 存好 锁门 开门 没人 \
    在家 外出 下地 赶车 走亲 串门 看病 开会 上课 放学 接娃 午睡 吃饭 喝茶 聊天 打牌 看守 守灵 \
    值班 巡逻 防火 防汛 抗旱 清沟 植树 挖井 架线 铺管 改厕 通水 通电 通路 通网";

#[cfg(test)]
mod tests {
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
