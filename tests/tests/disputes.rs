//! Two words about one thing, and work without a right: who said what, when by which clock and from where; decided without
//! a line, taken back, decided again; kept by the county, told to its author, decided by the head. Every step goes through
//! the calls that people make.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on stops")]

use serde_json::{Value, json};
use tests::{List, Seat, World, failure_code, items, places_in, text};

const NOON: &str = "2026-12-08T12:00:00+08:00";
const SLOW: &str = "1980-01-01T00:03:00+08:00";
const APART: std::time::Duration = std::time::Duration::from_secs(2);
const OURS: &str = "老槐树往北第二家";
const THEIRS: &str = "县城花园路，跟儿子住";

fn villages(count: usize) -> Vec<String> {
    places_in("410423105").into_iter().take(count).map(|(code, _)| code).collect()
}

fn say(seat: &Seat, file: &Value, what: &str) {
    seat.ask("EditField", json!({ "household": file, "field": "ADDRESS_FOUND", "text": what }));
}

fn facts(values: &Value) -> Vec<Value> {
    items(values).iter().flat_map(|value| items(&value["facts"]).clone()).collect()
}

/// The card's value of this text.
fn value<'v>(values: &'v Value, what: &str) -> &'v Value {
    items(values).iter().find(|value| value["text"] == what).unwrap_or_else(|| panic!("{what} is not in {values}"))
}

fn settle(seat: &Seat, file: &Value, what: &str, shown: &[Value]) {
    let with = json!({ "household": file, "field": "ADDRESS_FOUND", "text": what, "shown": shown });
    seat.ask("SettleConflict", with);
}

/// What the family's page says of the address.
fn address(seat: &Seat, file: &Value) -> Vec<String> {
    let page = seat.household(file);
    let field = items(&page["fields"]).iter().find(|field| field["field"] == "ADDRESS_FOUND").expect("an address");
    items(&field["values"]).iter().map(|value| text(&value["text"]).to_owned()).collect()
}

/// The one decided card: what counts, and what was put aside.
fn settled(seat: &Seat) -> (Value, Vec<String>) {
    let view = seat.ask("Settled", json!({}));
    let [card] = items(&view["cards"]).as_slice() else { panic!("not one decided card: {view}") };
    (card.clone(), items(&card["aside"]).iter().map(|value| text(&value["text"]).to_owned()).collect())
}

/// Two desks of two lines that disagree about one family's address, one of them with a clock in 1980.
fn disputed() -> (World, Seat, Seat, Seat, Value) {
    let world = World::at(NOON);
    let (op, zhou, files, _) = world.village(3);
    let mut lin = world.join("lin", "TOWNSHIP_CLERK");
    op.sync();
    op.ask("AssignVillages", json!({ "villages": villages(1), "person": "lin" }));
    op.sync();
    zhou.sync();
    lin.reopen(SLOW);
    lin.sync();
    let file = files[0].clone();
    say(&zhou, &file, OURS);
    // A laptop's clock is known to half a round trip, which a busy machine makes long: which came later must not hang on it.
    std::thread::sleep(APART);
    say(&lin, &file, THEIRS);
    for seat in [&zhou, &lin, &zhou] {
        seat.sync();
    }
    (world, op, zhou, lin, file)
}

#[test]
fn a_card_names_who_when_by_both_clocks_and_where_from() {
    let (_world, _op, zhou, lin, file) = disputed();
    let township = "尧山镇";
    for seat in [&zhou, &lin] {
        let view = seat.ask("Conflicts", json!({}));
        assert_eq!(view["may_settle"], true);
        let [card] = items(&view["cards"]).as_slice() else { panic!("not one card: {view}") };
        assert_eq!((&card["household"], &card["field"]), (&file, &json!("ADDRESS_FOUND")));
        let page = seat.household(&file);
        let on_page = items(&page["fields"]).iter().find(|one| one["field"] == "ADDRESS_FOUND").expect("an address");
        assert_eq!(on_page["values"], card["values"], "the family's page tells the same");
        let (ours, theirs) = (value(&card["values"], OURS), value(&card["values"], THEIRS));
        let said = |value: &Value| [&value["name"], &value["role"], &value["places"]].map(Clone::clone);
        assert_eq!(said(ours), [json!("周启明"), json!("SCHOOL_DIRECTOR"), json!([township])]);
        assert_eq!(said(theirs), [json!("林秀"), json!("TOWNSHIP_CLERK"), json!([township])]);
        // The wrong clock is told beside the county's; the right one is not told twice.
        assert_eq!(ours["clock"], Value::Null, "{ours}");
        assert!(text(&theirs["clock"]).starts_with("1980-01-01T00:0"), "{theirs}");
        for value in [ours, theirs] {
            assert!(text(&value["at"]).starts_with("2026-12-08T12:0"), "{value}");
        }
    }
    // The laptop itself says it too, on the page of the county's line.
    let clocks = &lin.ask("SyncState", json!({}))["clocks"];
    assert!(text(&clocks["here"]).starts_with("1980-01-01T00:0"), "{clocks}");
    assert!(text(&clocks["county"]).starts_with("2026-12-08T12:0"), "{clocks}");
    assert_eq!(zhou.ask("SyncState", json!({}))["clocks"], Value::Null);
}

#[test]
fn a_decision_without_a_line_can_be_taken_back_and_decided_anew_by_another() {
    let (world, op, zhou, lin, file) = disputed();
    let decided = |seat: &Seat| items(&seat.ask("Settled", json!({}))["cards"]).len();
    let open = |seat: &Seat| items(&seat.ask("Conflicts", json!({}))["cards"]).len();
    assert_eq!((open(&zhou), decided(&zhou)), (1, 0), "nobody has decided yet");

    // No contact from here to the sync: whoever may decides with the laptop alone.
    let card = items(&zhou.ask("Conflicts", json!({}))["cards"])[0].clone();
    settle(&zhou, &file, OURS, &facts(&card["values"]));
    assert_eq!((open(&zhou), address(&zhou, &file)), (0, vec![OURS.to_owned()]));
    let (card, aside) = settled(&zhou);
    assert_eq!((&card["chosen"]["text"], &card["chosen"]["name"]), (&json!(OURS), &json!("周启明")), "{card}");
    assert_eq!((&card["chosen"]["only_here"], aside.as_slice()), (&json!(true), [THEIRS.to_owned()].as_slice()));
    assert_eq!((&card["first"]["name"], &card["first"]["clock"]), (&json!("周启明"), &Value::Null), "{card}");
    let put_aside = &card["aside"][0];
    assert_eq!(put_aside["name"], "林秀", "what was put aside keeps who said it");
    assert!(text(&put_aside["clock"]).starts_with("1980-"), "and by which clock: {put_aside}");

    // Taken back, still without a line.
    settle(&zhou, &file, THEIRS, &facts(&json!([card["chosen"]])));
    assert_eq!(address(&zhou, &file), [THEIRS]);
    let (card, aside) = settled(&zhou);
    assert_eq!((&card["chosen"]["text"], aside.as_slice()), (&json!(THEIRS), [OURS.to_owned()].as_slice()), "{card}");
    assert_eq!((&card["chosen"]["name"], &card["first"]["name"]), (&json!("周启明"), &json!("林秀")), "{card}");

    // The other line reads the decision, and who made it, and decides anew.
    for seat in [&zhou, &lin] {
        seat.sync();
    }
    assert_eq!((open(&lin), address(&lin, &file)), (0, vec![THEIRS.to_owned()]));
    let (card, _) = settled(&lin);
    assert_eq!((&card["chosen"]["name"], &card["chosen"]["only_here"]), (&json!("周启明"), &json!(false)), "{card}");
    assert_eq!(card["aside"][0]["name"], "周启明", "{card}");
    let third = "村委会旁，红砖房";
    settle(&lin, &file, third, &facts(&json!([card["chosen"]])));
    for seat in [&lin, &zhou] {
        seat.sync();
    }
    assert_eq!(address(&zhou, &file), [third]);
    let (card, aside) = settled(&zhou);
    assert_eq!((&card["chosen"]["name"], &card["first"]), (&json!("林秀"), &Value::Null), "{card}");
    assert_eq!(aside, [THEIRS, OURS], "the later one first");
    let wrote: Vec<&str> = items(&card["aside"]).iter().map(|value| text(&value["name"])).collect();
    assert_eq!(wrote, ["林秀", "周启明"], "who wrote it, not who once decided for it: {card}");

    // Two who decide apart have disagreed again: a question, not a list of answers.
    let shown = facts(&json!([card["chosen"]]));
    for (seat, what) in [(&zhou, OURS), (&lin, THEIRS)] {
        settle(seat, &file, what, &shown);
    }
    for seat in [&zhou, &lin, &zhou] {
        seat.sync();
    }
    assert_eq!((open(&zhou), decided(&zhou), open(&lin), decided(&lin)), (1, 0, 1, 0));
    // Whoever works no cases may read it and not decide.
    let auditor = world.join("shen", "CENTRE_AUDITOR");
    let view = auditor.ask("Conflicts", json!({}));
    assert_eq!((items(&view["cards"]).len(), &view["may_settle"]), (1, &json!(false)));
    let shown = facts(&view["cards"][0]["values"]);
    let with = json!({ "household": file, "field": "ADDRESS_FOUND", "text": OURS, "shown": shown });
    assert_eq!(failure_code(&auditor.refused("SettleConflict", with)), "NOT_ALLOWED");
    for seat in [&op, &zhou, &lin] {
        seat.sync();
        seat.check();
    }
}

#[test]
fn one_value_after_another_is_no_conflict_and_no_decision() {
    let world = World::at(NOON);
    let (_op, zhou, files, _) = world.village(1);
    for what in [OURS, THEIRS, OURS] {
        say(&zhou, &files[0], what);
    }
    assert_eq!(items(&zhou.ask("Conflicts", json!({}))["cards"]).len(), 0);
    assert_eq!(items(&zhou.ask("Settled", json!({}))["cards"]).len(), 0);
}

#[test]
fn work_without_a_right_is_kept_told_to_its_author_and_decided_by_the_head() {
    let world = World::at(NOON);
    let villages = villages(2);
    let op = world.operator(&List::of(&villages, 2));
    let head = world.join("head", "CENTRE_HEAD");
    let zhou = world.join("zhou", "SCHOOL_DIRECTOR");
    // A central-school director who was given no area yet hands out villages all the same.
    let mut hao = world.join("hao", "CENTRAL_DIRECTOR");
    for seat in [&op, &hao] {
        seat.sync();
    }
    hao.reopen("2026-12-08T05:00:00+08:00");
    for village in &villages {
        hao.ask("AssignVillages", json!({ "villages": [village], "person": "zhou" }));
    }
    let report = hao.sync();
    assert_eq!(report["held"], 2, "{report}");
    let held = |seat: &Seat| seat.ask("HeldFacts", json!({}));
    let counted = |seat: &Seat| {
        let status = seat.ask("Status", json!({}));
        [&status["held"], &status["held_open"], &status["held_told"]].map(|one| one.as_u64().expect("a number"))
    };

    // Its author is told what is kept and that nobody has decided yet.
    let view = held(&hao);
    assert_eq!((items(&view["rows"]).len(), &view["may_decide"]), (2, &json!(false)));
    let row = &view["rows"][0];
    assert_eq!((&row["mine"], &row["word"], &row["kind"]), (&json!(true), &Value::Null, &json!("VillageAssigned")));
    assert_eq!(counted(&hao), [2, 2, 0]);
    assert!(items(&hao.ask("SyncState", json!({}))["waiting"]).iter().all(|row| row["held"] == true));
    // Nobody else is, but the head.
    zhou.sync();
    assert_eq!((items(&held(&zhou)["rows"]).len(), counted(&zhou), zhou.families()), (0, [0, 0, 0], 0));
    let with = json!({ "facts": [row["fact"]], "accept": true, "reason": "" });
    assert_eq!(failure_code(&hao.refused("DecideHeld", with)), "NOT_ALLOWED");

    // The head reads what it says, who wrote it, and when by both clocks.
    head.sync();
    let view = held(&head);
    assert_eq!((items(&view["rows"]).len(), &view["may_decide"], counted(&head)), (2, &json!(true), [0, 2, 0]));
    let row = &view["rows"][0];
    assert_eq!([&row["who"], &row["role"]], [&json!("郝建国"), &json!("CENTRAL_DIRECTOR")]);
    assert!(text(&row["says"]).ends_with(" → 周启明"), "{row}");
    assert!(text(&row["at"]).starts_with("2026-12-08T12:0"), "{row}");
    assert!(text(&row["clock"]).starts_with("2026-12-08T05:0"), "{row}");
    let (first, second) = (row["fact"].clone(), view["rows"][1]["fact"].clone());

    // One is refused with a reason, one let through.
    head.ask("DecideHeld", json!({ "facts": [first], "accept": false, "reason": "不是您的片区" }));
    head.ask("DecideHeld", json!({ "facts": [second], "accept": true, "reason": "已和中心校说好" }));
    let view = held(&head);
    let [row] = items(&view["rows"]).as_slice() else { panic!("not one row: {view}") };
    assert_eq!(
        (&row["fact"], &row["word"]["accept"]),
        (&first, &json!(false)),
        "it stays, and may be let through later"
    );
    assert_eq!(counted(&head), [0, 0, 0], "nothing waits for a word any more");

    // The author learns both, each with its reason.
    for seat in [&head, &hao] {
        seat.sync();
    }
    let view = held(&hao);
    let [row] = items(&view["rows"]).as_slice() else { panic!("not one row: {view}") };
    let word = &row["word"];
    assert_eq!((&row["fact"], &word["accept"], &word["who"]), (&first, &json!(false), &json!("赵国强")), "{row}");
    assert_eq!(word["reason"], "不是您的片区");
    let [row] = items(&view["let_through"]).as_slice() else { panic!("not one let through: {view}") };
    assert_eq!((&row["fact"], &row["word"]["accept"]), (&second, &json!(true)), "{row}");
    assert_eq!(row["word"]["reason"], "已和中心校说好");
    // The village is not hao's: that it was let through is told, and what it says is no longer here.
    assert_eq!((&row["kind"], &row["says"]), (&Value::Null, &Value::Null), "{row}");
    assert_eq!(counted(&hao), [1, 0, 2]);
    // What was let through has effect: the village is at the desk that it was given to.
    zhou.sync();
    assert_eq!(zhou.families(), 2);

    // The head thinks again of what was refused.
    head.ask("DecideHeld", json!({ "facts": [first], "accept": true, "reason": "" }));
    for seat in [&head, &hao, &zhou, &op] {
        seat.sync();
        seat.check();
    }
    assert_eq!((items(&held(&hao)["rows"]).len(), items(&held(&hao)["let_through"]).len()), (0, 2));
    assert_eq!(zhou.families(), 4);
}

#[test]
fn one_family_is_brought_up_to_date_on_demand_and_says_so_when_nobody_answers() {
    let mut world = World::at(NOON);
    let (op, zhou, files, _) = world.village(2);
    let lin = world.join("lin", "TOWNSHIP_CLERK");
    op.sync();
    op.ask("AssignVillages", json!({ "villages": villages(1), "person": "lin" }));
    for seat in [&op, &lin] {
        seat.sync();
    }
    say(&lin, &files[0], THEIRS);
    lin.sync();
    zhou.ask("AddContact", json!({ "household": files[0], "number": "13900001111", "source": "FAMILY" }));
    let update = |seat: &Seat| seat.ask("UpdateHousehold", json!({ "household": files[0] }));
    let updated = update(&zhou);
    let told = ["here", "waiting", "held", "photos_missing", "photos_unsent"].map(|name| updated[name].clone());
    assert_eq!(told, [json!(true), json!(0), json!(0), json!(0), json!(0)], "{updated}");
    assert_eq!(address(&zhou, &files[0]), [THEIRS]);
    assert!(update(&lin)["report"]["received"].as_u64().is_some_and(|received| received >= 1));

    // The family goes to somebody else: the desk says that it is gone.
    let hao = world.join("hao", "SCHOOL_DIRECTOR");
    op.sync();
    op.ask("AssignVillages", json!({ "villages": villages(1), "person": "hao" }));
    op.sync();
    assert_eq!(update(&zhou)["here"], false);
    hao.sync();
    assert_eq!(hao.families(), 2);

    // Nobody answers: a sentence, and everything stays as it was.
    world.silence();
    say(&lin, &files[0], OURS);
    let refused = lin.refused("UpdateHousehold", json!({ "household": files[0] }));
    assert_eq!(failure_code(&refused), "COUNTY_UNREACHABLE");
    assert_eq!(address(&lin, &files[0]), [OURS]);
    lin.check();
}
