//! T14: who may ask what over the line. Every route is asked by a device of every standing, and the answers are a table; then
//! people of every role, with and without areas and assignments, ask for papers of families at random, and a naive reading of
//! who may see what says what the answer is to be. A route without a row does not compile.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use domain::blob::MOST_BLOB;
use domain::exchange::Message;
use domain::lost::LaptopLost;
use domain::pack::pack;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::*;
use crate::http::{Route, router};
use crate::tls::Peer;

const EAST: &str = "410490101";
const WEST: &str = "410490102";
const VILLAGES: [&str; 4] = ["410490101201", "410490101202", "410490102201", "410490102202"];

/// What a device is to the county.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nobody.
    Stranger,
    /// Its words are not compared yet.
    Candidate,
    /// Let in.
    Enrolled,
    /// Of a lost history, not let through by the head.
    Unconfirmed,
    /// Turned out.
    Revoked,
    /// Given up by two persons.
    Lost,
}

const STANDINGS: [Standing; 6] = [
    Standing::Stranger,
    Standing::Candidate,
    Standing::Enrolled,
    Standing::Unconfirmed,
    Standing::Revoked,
    Standing::Lost,
];

/// Asks one thing; the answer's status.
async fn ask(router: &Router, certificate: Sha, method: &str, at: &str, body: Vec<u8>) -> StatusCode {
    let mut request = Request::builder().method(method).uri(at).body(Body::from(body)).expect("a request");
    request.extensions_mut().insert(Peer(certificate));
    let service = TowerToHyperService::new(router.clone());
    service.call(request).await.expect("an answer").status()
}

fn piece(sha: Sha, file: FileId, section: Section, size: usize) -> String {
    format!("/v1/blob/{sha}?file={file}&section={}&size={size}&from=0", section.code())
}

fn packed<M: Message>(message: &M) -> Vec<u8> {
    pack(message).expect("packed")
}

/// What a desk asks on a route, in good form.
fn question(route: Route, desk: &mut Desk, county: &County, paper: (Sha, FileId)) -> (&'static str, String, Vec<u8>) {
    let (sha, file) = paper;
    match route {
        Route::Enrol => {
            let ask = desk.ask([77; 16]);
            ("POST", "/v1/enrol".to_owned(), serde_json::to_vec(&ask).expect("JSON"))
        }
        Route::Offer => {
            let proof = hex(&desk.key.sign(&offer_bytes(county.log(), desk.certificate)).to_bytes());
            let at = format!("/v1/offer?device={}&proof={proof}", desk.device);
            ("POST", at, packed(&Push::default()))
        }
        Route::Hello => ("POST", "/v1/hello".to_owned(), packed(&desk.greeting(county))),
        Route::Push => ("POST", "/v1/push".to_owned(), packed(&Push::default())),
        Route::Pull => ("POST", "/v1/pull".to_owned(), packed(&desk.ask_page(county))),
        Route::Close => ("POST", "/v1/close".to_owned(), packed(&desk.ask_page(county))),
        Route::Bundle => ("POST", "/v1/bundle".to_owned(), b"no bundle".to_vec()),
        Route::Rescue => ("POST", "/v1/rescue".to_owned(), b"no bundle".to_vec()),
        Route::PutBlob => ("PUT", piece(sha, file, Section::Core, 27), Vec::new()),
        Route::Blob => ("GET", format!("/v1/blob/{sha}"), Vec::new()),
        Route::BlobStand => ("GET", piece(sha, file, Section::Core, 27).replace('?', "/have?"), Vec::new()),
    }
}

/// What the answer is to be: the table.
fn answer(route: Route, standing: Standing) -> u16 {
    use Standing::{Candidate, Enrolled, Lost, Revoked, Stranger, Unconfirmed};
    match (route, standing) {
        // An invitation that nobody made is nobody's, whoever presents it.
        (Route::Enrol, _) => 404,
        // Only a device that the county's own word names may present itself anew, and who is turned out stays out.
        (Route::Offer, Stranger | Candidate | Revoked) => 401,
        (Route::Offer, Lost) => 410,
        (Route::Offer, Enrolled | Unconfirmed) => 204,
        (Route::Rescue, Stranger | Candidate) => 401,
        // Nobody's but of who is lost; and then it must be a bundle.
        (Route::Rescue, Enrolled | Unconfirmed | Revoked) => 403,
        (Route::Rescue, Lost) => 400,
        (_, Stranger | Candidate | Revoked) => 401,
        (_, Lost) => 410,
        (Route::Bundle, Enrolled | Unconfirmed) => 400,
        // It is heard and told where it stands, and sees nothing.
        (Route::Hello | Route::Push | Route::Pull | Route::Close, Enrolled | Unconfirmed) => 200,
        (Route::PutBlob | Route::Blob | Route::BlobStand, Enrolled) => 200,
        (Route::PutBlob | Route::Blob | Route::BlobStand, Unconfirmed) => 403,
    }
}

/// A county with an operator, its head and auditor, families in four villages, and a paper of each in each section.
struct County4 {
    world: World,
    op: Desk,
    head: Desk,
    auditor: Desk,
    papers: Vec<(Sha, FileId, &'static str, Section)>,
}

const SECTIONS: [Section; 5] = [Section::Core, Section::Id, Section::Care, Section::Gov, Section::Edu];

fn county(name: &str) -> County4 {
    let mut world = World::new(name);
    let mut op = world.join("op", Role::CentreOperator, &[]);
    let (head, auditor) = (world.join("head", Role::CentreHead, &[]), world.join("shen", Role::CentreAuditor, &[]));
    let mut papers = Vec::new();
    let mut facts = Vec::new();
    for (n, village) in (1_u8..).zip(VILLAGES.iter().cycle().take(12)) {
        facts.push(op.place(family(n), village));
    }
    op.push(&world.county, &facts).expect("taken");
    for (n, village) in (1_u8..).zip(VILLAGES.iter().cycle().take(12)) {
        for section in SECTIONS {
            let bytes = format!("{n} {}", section.code()).into_bytes();
            let sha = Sha::of(&bytes);
            let size = u64::try_from(bytes.len()).expect("small");
            let piece = domain::blob::Piece { sha, file: family(n), section, size, from: 0 };
            assert!(world.county.take_blob(op.device, &piece, &bytes).expect("taken").kept);
            papers.push((sha, family(n), *village, section));
        }
    }
    County4 { world, op, head, auditor, papers }
}

/// Head and auditor give a device up.
fn give_up(county: &County, by: [&mut Desk; 2], device: DeviceId) {
    for desk in by {
        let lost = LaptopLost { device, since: Millis(MORNING), how: "被偷".to_owned(), void: Vec::new() };
        let event = Event::LaptopLost(lost);
        let fact = desk.fact(FileId::device(device), Section::Core, event.kind(), &event.body().expect("a body"));
        assert_eq!(desk.push(county, &[fact]).expect("taken").acks[0].held, [0; 0]);
    }
}

#[tokio::test]
async fn every_route_answers_every_standing_by_the_table() {
    let County4 { mut world, mut head, mut auditor, papers, op: _op } = county("standings");
    let copy = world.copy("before", false);
    let mut desks: Vec<(Standing, Desk)> = Vec::new();
    for standing in STANDINGS {
        let who = format!("{standing:?}").to_lowercase();
        let desk = match standing {
            Standing::Stranger => world.stranger(&who),
            Standing::Candidate => {
                let desk = world.stranger(&who);
                let invite = Invite {
                    account: who.parse().expect("an account"),
                    name: who.clone(),
                    role: Role::CentreOperator,
                    areas: Vec::new(),
                    address: "https://127.0.0.1:8443".to_owned(),
                    days: 14,
                    words: true,
                    undertaking: None,
                };
                let token = world.county.invite(&invite).expect("an invitation").code.token;
                assert_eq!(desk.enrol(&world.county, token).err(), Some(Refusal::NotConfirmed));
                desk
            }
            Standing::Enrolled | Standing::Unconfirmed | Standing::Revoked | Standing::Lost => {
                world.join(&who, Role::CentreOperator, &[])
            }
        };
        desks.push((standing, desk));
    }
    let find = |standing: Standing| desks.iter().find(|(it, _)| *it == standing).expect("one").1.clone();
    world.county.revoke(&find(Standing::Revoked).person).expect("turned out");
    let lost = find(Standing::Lost);
    give_up(&world.county, [&mut head, &mut auditor], lost.device);
    let shown = papers[0];
    let seen = async |county: Arc<County>, standings: &[Standing]| {
        let router = router(Arc::clone(&county));
        for standing in standings {
            for route in Route::ALL {
                let mut desk = find(*standing);
                let (method, at, body) = question(route, &mut desk, &county, (shown.0, shown.1));
                let status = ask(&router, desk.certificate, method, &at, body).await;
                assert_eq!(status.as_u16(), answer(route, *standing), "{route:?} {standing:?}");
            }
            // Whatever is no route is nothing to anybody.
            for (method, at) in [("GET", "/v1/hello"), ("POST", "/v1/blob/x"), ("GET", "/"), ("POST", "/v1/none")] {
                let status = ask(&router, find(*standing).certificate, method, at, Vec::new()).await;
                assert_eq!(status.as_u16(), 404, "{method} {at}");
            }
        }
    };
    // A device of a history that the county lost shows its enrolment.
    let unconfirmed = find(Standing::Unconfirmed);
    let enrolments: Vec<Vec<u8>> = {
        let mut reader = head.clone();
        reader.pull(&world);
        let of = |batch: &&Batch| {
            batch.facts().expect("facts").iter().any(|it| {
                matches!(Event::read(&it.fact.kind, &it.fact.body),
                    Ok(Some(Event::DeviceEnrolled(enrolled))) if enrolled.device == unconfirmed.device)
            })
        };
        reader.batches.values().filter(of).map(Batch::bytes).collect()
    };
    let before: Vec<Standing> = STANDINGS.into_iter().filter(|it| *it != Standing::Unconfirmed).collect();
    let here = std::mem::replace(&mut world.county, {
        let time = Arc::clone(&world.time);
        County::open(&copy.0, Clock::by_hand(time)).expect("a county")
    });
    seen(Arc::new(here), &before).await;
    // The copy knows nothing of it until somebody tells it that a history was lost.
    let told = auditor.clone();
    let marks = vec![Mark { position: 999, chain: [1; 8] }];
    world.county.hello(told.device, &Hello { marks, ..told.greeting(&world.county) }).expect("welcome");
    let signature = unconfirmed.key.sign(&offer_bytes(world.county.log(), unconfirmed.certificate)).to_bytes();
    let proof = crate::Proof { device: unconfirmed.device, signature };
    let fragments = Push { fragments: enrolments, ..Push::default() };
    world.county.offer(unconfirmed.certificate, &proof, &fragments).expect("it is let speak");
    let copied = std::mem::replace(&mut world.county, {
        let spare = Home::new("spare");
        let founding = Founding { name: "青石县".to_owned(), practice: true, hosts: vec![] };
        let county = County::init(&spare.0, &founding, Clock::by_hand(Arc::clone(&world.time))).expect("a county");
        world.copies.push(spare);
        county
    });
    seen(Arc::new(copied), &[Standing::Unconfirmed]).await;
    drop(copy);
}

/// Somebody with a role, areas and villages, and how they stand.
struct Who {
    desk: Desk,
    role: Role,
    areas: Vec<&'static str>,
    villages: Vec<&'static str>,
    standing: Standing,
}

impl Who {
    fn of_place(&self, village: &str) -> bool {
        self.areas.iter().any(|area| village.starts_with(area)) || self.villages.contains(&village)
    }

    /// domain.md §5, read naively.
    fn sees(&self, village: &str, section: Section) -> bool {
        match self.role {
            Role::CentreHead | Role::CentreOperator | Role::CentreAuditor => true,
            Role::TownshipClerk => matches!(section, Section::Core | Section::Gov) && self.of_place(village),
            Role::CentralDirector | Role::SchoolDirector => {
                matches!(section, Section::Core | Section::Edu) && self.of_place(village)
            }
            Role::LeadingGroup | Role::BureauLeader | Role::SysAdmin | Role::AgencyStaff => false,
        }
    }

    fn files_papers(&self, village: &str, section: Section) -> bool {
        self.role != Role::CentreAuditor && self.sees(village, section)
    }

    fn status(&self, allowed: bool) -> u16 {
        match self.standing {
            Standing::Enrolled if allowed => 200,
            Standing::Enrolled => 403,
            Standing::Lost => 410,
            Standing::Stranger | Standing::Candidate | Standing::Unconfirmed | Standing::Revoked => 401,
        }
    }
}

#[tokio::test]
async fn a_hundred_thousand_questions_are_answered_as_who_may_see_what_says() {
    let County4 { mut world, mut op, mut head, mut auditor, papers } = county("probes");
    let mut people = Vec::new();
    let mut lines = VILLAGES.iter().flat_map(|village| [(*village, Line::Government), (*village, Line::Education)]);
    for role in Role::ALL {
        for (scope, areas) in [("none", vec![]), ("east", vec![EAST]), ("west", vec![WEST]), ("village", vec![])] {
            let who = format!("{}.{scope}", role.code().to_lowercase().replace('_', "-"));
            let desk = world.join(&who, *role, &areas);
            let mut villages = Vec::new();
            if scope == "village"
                && role.works_cases()
                && let Some((village, line)) = lines.next()
            {
                let fact = [op.assign(village, line, &who)];
                op.push(&world.county, &fact).expect("taken");
                villages.push(village);
            }
            people.push(Who { desk, role: *role, areas, villages, standing: Standing::Enrolled });
        }
    }
    // Some are turned out, some laptops are lost; rights alone open nothing then.
    for at in (3..people.len()).step_by(11) {
        world.county.revoke(&people[at].desk.person).expect("turned out");
        people[at].standing = Standing::Revoked;
        give_up(&world.county, [&mut head, &mut auditor], people[at - 1].desk.device);
        people[at - 1].standing = Standing::Lost;
    }
    // What each is given is what each may see, no family more and none less.
    for who in &mut people {
        if who.standing == Standing::Enrolled {
            who.desk.pull(&world);
            let families: BTreeSet<FileId> = papers.iter().map(|paper| paper.1).collect();
            let given: BTreeSet<FileId> = who.desk.holds.values().map(|known| known.fact.file).collect();
            let due = papers.iter().filter(|(_, _, village, _)| who.sees(village, Section::Core));
            let due: BTreeSet<FileId> = due.map(|paper| paper.1).collect();
            assert_eq!(families.intersection(&given).copied().collect::<BTreeSet<_>>(), due, "{}", who.desk.person);
        }
    }
    let World { home, county, copies, .. } = world;
    let router = router(Arc::new(county));
    let mut dice = Dice(14);
    let (mut allowed, mut refused) = (0_u32, 0_u32);
    for _ in 0..100_000_u32 {
        let who = &people[usize::try_from(dice.below(u64::try_from(people.len()).expect("few"))).expect("few")];
        let (sha, file, village, section) = dice.one(&papers);
        let (at, expected) = if dice.below(2) == 0 {
            (format!("/v1/blob/{sha}"), who.status(who.sees(village, section)))
        } else {
            // Of bytes that nobody has: may they bring them there?
            let fresh = Sha(std::array::from_fn(|_| u8::try_from(dice.below(256)).expect("a byte")));
            let size = usize::try_from(dice.below(MOST_BLOB)).expect("small");
            (piece(fresh, file, section, size).replace('?', "/have?"), who.status(who.files_papers(village, section)))
        };
        let status = ask(&router, who.desk.certificate, "GET", &at, Vec::new()).await.as_u16();
        assert_eq!(status, expected, "{} {:?} asks {at} of {village}", who.desk.person, who.standing);
        if status == 200 {
            allowed += 1;
        } else {
            refused += 1;
        }
    }
    assert!(allowed > 10_000 && refused > 10_000, "{allowed} allowed, {refused} refused");
    drop((router, home, copies));
}

#[test]
fn the_head_alone_gives_no_laptop_up_whatever_is_let_through() {
    let County4 { mut world, mut head, mut auditor, op, .. } = county("alone");
    let zhou = world.join("zhou", Role::SchoolDirector, &[]);
    let said = |by: &mut Desk, as_whom: &str, device: DeviceId| {
        let lost = LaptopLost { device, since: Millis(MORNING), how: "被偷".to_owned(), void: Vec::new() };
        let event = Event::LaptopLost(lost);
        let fact = by.fact(FileId::device(device), Section::Core, event.kind(), &event.body().expect("a body"));
        Fact { author: as_whom.parse().expect("an account"), ..fact }
    };
    let own = said(&mut head, "head", zhou.device);
    let forged = said(&mut head, "shen", zhou.device);
    let ids = [forged.id];
    let acks = head.push(&world.county, &[own, forged]).expect("taken");
    assert_eq!(acks.acks[0].held, [2], "not hers");
    let decision = head.decide(&ids, true, zhou.device);
    head.push(&world.county, &[decision]).expect("taken");
    assert!(zhou.hello(&world.county).is_ok(), "let through, and nobody's second word");
    // Somebody else's word counts no more for being let through.
    let mut op = op;
    let others = said(&mut op, "op", zhou.device);
    let ids = [others.id];
    op.push(&world.county, &[others]).expect("taken");
    let decision = head.decide(&ids, true, zhou.device);
    head.push(&world.county, &[decision]).expect("taken");
    assert!(zhou.hello(&world.county).is_ok());
    // Two words that are a season apart are not of one loss.
    world.pass(30 * 86_400_000);
    let late = said(&mut auditor, "shen", zhou.device);
    auditor.push(&world.county, &[late]).expect("taken");
    assert!(zhou.hello(&world.county).is_ok());
    let again = said(&mut head, "head", zhou.device);
    head.push(&world.county, &[again]).expect("taken");
    assert_eq!(zhou.hello(&world.county).err(), Some(Refusal::DeviceLost));
}
