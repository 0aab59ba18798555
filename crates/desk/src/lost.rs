//! A laptop that is lost. The head and the auditor say so and see what lay on it, what is to be done again, what the bureau is
//! told; and a laptop that hears it of itself seals what only it has and forgets everything else. It must never forget
//! anything on any other word than the county's, nor before what only it has is sealed on the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use domain::bundle::{Asking, Kind, Paper};
use domain::clock::{Millis, shanghai};
use domain::event::Event;
use domain::exchange::{Message as _, PAGE_BYTES, Push};
use domain::ids::{DeviceId, FactId, FileId, PersonId, hex};
use domain::lost::{LaptopLost, NumberRange, TOGETHER};
use domain::rights::Position;
use domain::words::{DocKind, Role, Section};
use store::{Laptop, Outgoing, Store};

use crate::Desk;
use crate::api::{
    LaptopAsked, LaptopRow, LaptopState, LaptopsView, LossSaid, LostHousehold, LostPaper, LostView, Nothing,
    ReportLine, ReportLost, Saved, VoidNumbers,
};
use crate::bundles::{packed, put};
use crate::failure::{Code, Failure};
use crate::home::{self, LastLine};

/// Characters of what happened.
const MOST_HOW: usize = 200;
/// Families that are listed by name; the rest is counted.
const MOST_ROWS: usize = 500;
/// Bytes of photos in one bundle that is handed in, but for a larger one.
const MOST_PHOTOS: u64 = 2 << 20;

/// What is worked out of a laptop once for all lists.
struct Traces<'a> {
    laptop: &'a Laptop,
    /// The families that lay on it, by file.
    on_it: BTreeMap<FileId, store::Family>,
    /// How long the log was when it was last spoken to.
    head: Position,
}

impl Desk {
    /// The laptops of the county, and which of them are lost.
    pub(crate) fn laptops(&self, _: Nothing) -> Result<LaptopsView, Failure> {
        let store = self.store();
        self.may(&store, Role::guards, "查看各台电脑")?;
        let people = store.people()?;
        let mut rows: Vec<LaptopRow> = store.laptops()?.iter().map(|laptop| self.laptop_row(&people, laptop)).collect();
        // What is under way first.
        rows.sort_by_key(|row| (row.state != LaptopState::Reported, row.state != LaptopState::Lost));
        Ok(LaptopsView { rows })
    }

    fn laptop_row(&self, people: &BTreeMap<PersonId, domain::org::RoleGiven>, laptop: &Laptop) -> LaptopRow {
        let person = laptop.enrolled.person.clone();
        let state = match &laptop.revoked {
            Some((_, revoked)) if revoked.lost.is_some() => LaptopState::Lost,
            // By two, and the county has not said so yet; also one that was turned out before.
            _ if !laptop.lost.is_empty() => LaptopState::Reported,
            Some(_) => LaptopState::Revoked,
            None => LaptopState::InUse,
        };
        let said = laptop.lost.iter().map(|(who, at, lost)| LossSaid {
            name: Self::name_of(people, who),
            at: at.rfc3339(),
            since: lost.since.rfc3339(),
            how: lost.how.clone(),
            mine: *who == self.identity.person,
        });
        LaptopRow {
            device: laptop.enrolled.device,
            name: Self::name_of(people, &person),
            role: people.get(&person).map(|given| given.role),
            person,
            enrolled: laptop.at.rfc3339(),
            this_one: laptop.enrolled.device == self.identity.device,
            said: said.collect(),
            state,
        }
    }

    fn laptop(store: &Store, device: DeviceId) -> Result<Laptop, Failure> {
        let found = store.laptops()?.into_iter().find(|laptop| laptop.enrolled.device == device);
        found.ok_or_else(|| Failure::new(Code::NoLaptop, &[]).at("device"))
    }

    /// Says that a laptop is lost. With the word of a second person the county gives it up.
    pub(crate) fn report_lost(&self, with: ReportLost) -> Result<Saved, Failure> {
        let how = with.how.trim();
        if how.is_empty() {
            return Err(Failure::new(Code::EmptyText, &[]).at("how"));
        }
        if how.chars().count() > MOST_HOW {
            return Err(Failure::new(Code::TextTooLong, &[("most", &MOST_HOW.to_string())]).at("how"));
        }
        let mut store = self.store();
        self.may(&store, Role::guards, "报失电脑")?;
        let laptop = Self::laptop(&store, with.device)?;
        if with.device == self.identity.device {
            return Err(Failure::new(Code::OwnLaptop, &[]).at("device"));
        }
        let now = self.present_of(&store)?.now;
        let given_up = laptop.revoked.as_ref().is_some_and(|(_, revoked)| revoked.lost.is_some());
        // What was said long ago and led to nothing may be said again.
        let said = |(person, at, _): &(PersonId, Millis, LaptopLost)| {
            *person == self.identity.person && now.0.saturating_sub(at.0) < TOGETHER
        };
        if given_up || laptop.lost.iter().any(said) {
            return Err(Failure::new(Code::SaidLost, &[]).at("device"));
        }
        let civil = with.on.and_time(with.at).and_local_timezone(shanghai()).single();
        let since = civil.map(|at| Millis(at.timestamp_millis()));
        let since = since.filter(|since| *since <= now);
        let since = since.ok_or_else(|| Failure::new(Code::NotYet, &[]).at("at"))?;
        let void = store.open_numbers(with.device)?;
        let lost = LaptopLost { device: with.device, since, how: how.to_owned(), void };
        self.write_one(&mut store, FileId::device(with.device), &Event::LaptopLost(lost), Vec::new())
    }

    /// What lay on a laptop, what is to be done again, and what the bureau is told.
    pub(crate) fn lost_laptop(&self, with: LaptopAsked) -> Result<LostView, Failure> {
        let store = self.store();
        self.may(&store, Role::guards, "查看报失电脑")?;
        let laptop = Self::laptop(&store, with.device)?;
        let burnt = laptop.revoked.as_ref().and_then(|(_, revoked)| revoked.lost);
        let contact = burnt.and_then(|burnt| burnt.contact);
        // Before the county has told, whatever its person may see now.
        let head = match (burnt, contact) {
            (_, Some(contact)) => contact.head,
            // The county cannot tell when it last spoke to it: all that its person may see may be on it.
            (_, None) => Position::MAX,
        };
        let entitled = store.seen_by(&laptop.enrolled.person, with.device, head)?;
        let families = store.families(None)?.into_iter();
        let on_it = families.filter(|family| entitled.since(family.file, Section::Core).is_some());
        let on_it = on_it.map(|family| (family.file, family)).collect();
        let traces = Traces { laptop: &laptop, on_it, head };
        let names = self.place_names(&store)?;
        let row = self.laptop_row(&store.people()?, &laptop);
        let listed = |family: &store::Family| LostHousehold {
            household: family.file,
            borrower: family.borrower.clone(),
            place: names.get(family.place.as_str()).cloned().unwrap_or_else(|| family.place.to_string()),
        };
        let met: BTreeSet<FileId> = store
            .visits(None, None)?
            .into_iter()
            .filter(|visit| visit.made.result.met())
            .map(|visit| visit.file)
            .collect();
        let revisit: Vec<LostHousehold> =
            traces.on_it.values().filter(|family| !met.contains(&family.file)).map(listed).collect();
        let (photos, rescan) = traces.photos(&store)?;
        let reserve = traces.unanswered(&store)?;
        // Of the later word: sheets that came in between are known by then.
        let void = match laptop.lost.last() {
            None => store.open_numbers(with.device)?,
            Some((_, _, lost)) => lost.void.clone(),
        };
        let organ = store.county_facts::<domain::org::ProfileSaved>("ProfileSaved")?.pop();
        let organ = organ.map(|(_, profile)| profile);
        let code = organ.as_ref().map_or("", |profile| profile.organ_code.as_str());
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let counted = Counted {
            people: count(traces.on_it.values().map(|family| 1 + usize::from(family.co_borrower.is_some())).sum()),
            households: count(traces.on_it.len()),
            photos,
            rescan: count(rescan.len()),
            reserve: count(reserve.len()),
            full: entitled.all.is_some(),
        };
        Ok(LostView {
            contact: contact.map(|contact| contact.at.rfc3339()),
            burnt: burnt.is_some(),
            report: report(&row, burnt.is_some(), organ.as_ref().map(|profile| profile.organ_name.as_str()), &counted),
            row,
            households_count: counted.households,
            households: traces.on_it.values().take(MOST_ROWS).map(listed).collect(),
            photos,
            void: void.iter().map(|range| numbers(code, range)).collect(),
            rescan,
            reserve,
            revisit,
        })
    }

    /// Seals what no verified backup of the county has yet into bundles for it, in a folder of the home, with what it takes to
    /// hand them in: what the county acknowledged it may have lost since. First the records, then a few photos a bundle, so
    /// that a bad line brings one after the other.
    ///
    /// # Errors
    /// What the disk says.
    pub(crate) fn seal_for_the_county(&self, home: &Path) -> Result<(), Failure> {
        let folder = home::rescue_folder(home);
        // Of a try that broke off.
        drop(std::fs::remove_dir_all(&folder));
        self.seal()?;
        let (batches, photos) = {
            let store = self.store();
            (store.own_unsafe_batches()?, store.own_unsafe_papers()?)
        };
        if batches.is_empty() && photos.is_empty() {
            return Ok(());
        }
        std::fs::create_dir_all(&folder).map_err(|error| Failure::from(store::StoreFault::from(error)))?;
        let asking = {
            let offset = self.store().meta("offset")?.unwrap_or(0);
            let hello = self.hello(Vec::new(), true)?;
            packed(&Asking { hello, offset, first: 1, unsent: Vec::new(), missing: Vec::new(), anew: false })?
        };
        if !batches.is_empty() {
            self.write_bundle(&folder, |filler| {
                put(filler, Kind::Asking, &asking)?;
                let mut rest = batches.as_slice();
                while !rest.is_empty() {
                    let mut bytes = 0_usize;
                    let fit = rest.iter().take_while(|batch| {
                        bytes = bytes.saturating_add(batch.len());
                        bytes <= PAGE_BYTES
                    });
                    let (now, later) = rest.split_at(fit.count().max(1));
                    put(filler, Kind::Push, &packed(&Push { batches: now.to_vec(), ..self.push()? })?)?;
                    rest = later;
                }
                Ok(())
            })?;
        }
        let mut rest = photos.as_slice();
        while !rest.is_empty() {
            let mut done = 0_usize;
            self.write_bundle(&folder, |filler| {
                put(filler, Kind::Asking, &asking)?;
                for Outgoing { sha, file, section, .. } in rest {
                    let blob = self.store().blob(*sha)?;
                    let size = blob.as_ref().map_or(0, |blob| u64::try_from(blob.bytes.len()).unwrap_or(u64::MAX));
                    if done > 0 && filler.size_with(size) > MOST_PHOTOS {
                        break;
                    }
                    if let Some(blob) = blob {
                        let paper = Paper { sha: *sha, file: *file, section: *section, bytes: blob.bytes };
                        put(filler, Kind::Paper, &paper.bytes())?;
                    }
                    done = done.saturating_add(1);
                }
                Ok(())
            })?;
            rest = rest.get(done.max(1)..).unwrap_or_default();
        }
        let Some((certificate, key)) = &self.tls else { return Ok(()) };
        let line = LastLine {
            address: self.identity.address.clone(),
            county: self.identity.certificate,
            certificate: hex(certificate),
            key: hex(key),
        };
        line.keep(home)
    }
}

impl Traces<'_> {
    /// Whether a fact was written on this laptop.
    fn own(&self, store: &Store, fact: FactId) -> Result<bool, Failure> {
        Ok(store.device_of(fact.journal)? == Some(self.laptop.enrolled.device))
    }

    /// Photos of receipts that lay on it, and those it made of which only the record came.
    fn photos(&self, store: &Store) -> Result<(u32, Vec<LostPaper>), Failure> {
        let missing: BTreeSet<_> = store.missing_blobs()?.into_iter().map(|missing| missing.sha).collect();
        let (mut count, mut rescan) = (0_u32, Vec::new());
        for (said, filed) in store.receipt_photos(None)? {
            let Some((file, ..)) = store.place_of(said.id)? else { continue };
            let own = self.own(store, said.id)?;
            if !own && !self.on_it.contains_key(&file) {
                continue;
            }
            if own || store.position_of(said.id)?.is_some_and(|position| position <= self.head) {
                count = count.saturating_add(1);
            }
            if own && missing.contains(&filed.sha256) {
                rescan.push(self.paper(file, filed.receipt.to_string()));
            }
        }
        Ok((count, rescan))
    }

    /// Receipts that it printed and that nobody has seen signed.
    fn unanswered(&self, store: &Store) -> Result<Vec<LostPaper>, Failure> {
        let mut out = Vec::new();
        for letter in store.letters(None, None)? {
            let open = letter.letter.doc.kind == DocKind::ServiceReceipt && !letter.voided && !letter.complete;
            if !open || !self.own(store, letter.said.id)? {
                continue;
            }
            let doc_no = letter.letter.doc.to_string();
            if store.receipt_photos(Some((letter.file, &doc_no)))?.is_empty() {
                out.push(self.paper(letter.file, doc_no));
            }
        }
        Ok(out)
    }

    fn paper(&self, file: FileId, doc_no: String) -> LostPaper {
        let borrower = self.on_it.get(&file).map(|family| family.borrower.clone());
        LostPaper { household: file, borrower, doc_no }
    }
}

fn numbers(code: &str, range: &NumberRange) -> VoidNumbers {
    let NumberRange { kind, year, first, last } = *range;
    VoidNumbers { kind, year, first, last, words: format!("{code}{}〔{year}〕{first}—{last}号", kind.code_word()) }
}

/// How much of what.
struct Counted {
    people: u32,
    households: u32,
    photos: u32,
    rescan: u32,
    reserve: u32,
    /// Full ID numbers too.
    full: bool,
}

/// What the bureau is told the same day (PIPL article 57: kinds of information, causes, harm, measures, whom to ask).
fn report(row: &LaptopRow, burnt: bool, organ: Option<&str>, counted: &Counted) -> Vec<ReportLine> {
    let since = row.said.iter().map(|said| said.since.as_str()).min().unwrap_or_default();
    let how = row.said.iter().map(|said| format!("{}（{}）", said.how, said.name)).collect::<Vec<_>>().join("；");
    let by = row.said.iter().map(|said| said.name.as_str()).collect::<Vec<_>>().join("、");
    let Counted { people, households, photos, rescan, reserve, full } = counted;
    let numbers = if *full {
        "完整身份证号和银行账号"
    } else {
        "身份证号后四位（没有完整身份证号和银行账号）"
    };
    // Nothing is said to have been done that was not.
    let done = if burnt {
        format!(
            "{by}两人报失后，县里已停用这台电脑的密钥，没有用过的文号全部作废；它再联系县里时自动清除资料，之后交来的数据另行隔离。需重新扫描{rescan}份，需重新送达{reserve}份"
        )
    } else {
        "还没有停用：要负责人和审计两人都报失，同步以后才生效".to_owned()
    };
    let role = row.role.map_or("", Role::zh);
    let line = |label: &str, text: String| ReportLine { label: label.to_owned(), text };
    vec![
        line("报告单位", organ.unwrap_or_default().to_owned()),
        line("事件", format!("{role}{}使用的入户电脑丢失（设备编号{}）", row.name, row.device)),
        line("丢失时间", civil(since)),
        line("经过", how),
        line(
            "涉及的个人信息",
            format!(
                "{households}户、约{people}人：姓名、{numbers}、住址、电话、贷款合同和应还金额、走访情况；回证照片{photos}张"
            ),
        ),
        line(
            "可能的危害",
            "资料在硬盘上整体加密，没有口令打不开；口令试一次要半秒以上。初步评估：低，请核实口令有没有写在电脑旁边"
                .to_owned(),
        ),
        line("已采取的措施", done),
        line("联系人", String::new()),
    ]
}

/// An RFC 3339 time as people here write it.
fn civil(at: &str) -> String {
    chrono::DateTime::parse_from_rfc3339(at)
        .map(|at| at.with_timezone(&shanghai()).format("%Y年%-m月%-d日 %H:%M").to_string())
        .unwrap_or_default()
}
