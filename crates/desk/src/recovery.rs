//! A forgotten passphrase. Beside the wrapped keys lies a second wrapping of them, under a key that is sealed for each two of
//! the three officers, one box within the other: whoever opens the outer one hands on a box that only the next can open.
//! The laptop writes what it asks to a stick, two officers open it at their own desks, and what comes back opens the keys
//! for the fresh passphrase that was chosen when it was asked. Nothing on the stick opens anything without the laptop, nor
//! the two together without that passphrase; no officer alone opens a laptop in hand.

use std::fs;
use std::path::{Path, PathBuf};

use domain::clock::Millis;
use domain::enrol::six_words;
use domain::event::Event;
use domain::ids::{BundleKey, DeviceId, FileId, LogId, PersonId, Sha, hex};
use domain::lost::TOGETHER;
use domain::recovery::{Officer, OfficerOffered, OfficersNamed, RecoveryHelped};
use domain::words::Role;
use serde::{Deserialize, Serialize};
use store::bundle::{BundleFault, BundleSecret};
use store::{Officers, Store, boxes, stick};
use zeroize::Zeroizing;

use crate::api::{
    HelpRecovery, LookAtRecovery, NameOfficers, Nothing, OfficerRow, OfficersSaid, OfficersView, Recover,
    RecoveryAsked, RecoveryHelpedRow, RecoveryPassed, RecoveryRequest, RecoveryTurn, RecoveryView, Saved,
};
use crate::clock::{Clock, random};
use crate::failure::{Code, Failure};
use crate::home::{self, Guarded, Identity, Secrets, unhex_all};
use crate::{Desk, bundles, bytes_of};

/// The second wrapping, beside the first.
pub(crate) const RECOVERY: &str = "recovery.json";
/// There while a fresh passphrase waits for the officers.
pub(crate) const RECOVERING: &str = "recovering.json";
const VERSION: u32 = 1;
/// What a file on the stick is known by.
const FORMAT: &str = "RUHU-RECOVERY";
/// The largest such file, bytes.
const MOST_FILE: u64 = 64 * 1024;
/// Characters of a reason.
const MOST_REASON: usize = 200;

/// The key under which the keys are wrapped, sealed for two officers: the first opens a box for the second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sealed {
    first: PersonId,
    second: PersonId,
    /// Hexadecimal.
    sealed: String,
}

/// The second wrapping of a home's keys, and whose home it is: readable without the passphrase.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    practice: bool,
    log: LogId,
    device: DeviceId,
    person: PersonId,
    name: String,
    officers: Vec<Officer>,
    boxes: Vec<Sealed>,
    /// The keys, under the key that is in the boxes.
    nonce: String,
    keys: String,
    /// Of boxes and keys: a file that was damaged is made anew before anybody needs it.
    sum: Sha,
}

impl Kept {
    fn sum(boxes: &[Sealed], keys: &str) -> Sha {
        let boxes: Vec<&str> = boxes.iter().map(|one| one.sealed.as_str()).collect();
        Sha::of(format!("{} {keys}", boxes.join(" ")).as_bytes())
    }
}

/// What the laptop keeps of what it asked: a key of its own for the answer, which opens nothing else, under the passphrase that
/// was chosen for afterwards. Whoever takes laptop and answer together has not got that.
#[derive(Debug, Serialize, Deserialize)]
struct Asking {
    reply: BundleKey,
    seed: Guarded,
    at: Millis,
}

/// What is on the stick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Passing {
    format: String,
    version: u32,
    practice: bool,
    log: LogId,
    device: DeviceId,
    person: PersonId,
    name: String,
    at: Millis,
    /// What the answer is sealed to.
    reply: BundleKey,
    officers: Vec<Officer>,
    boxes: Vec<Sealed>,
    /// Boxes of which the first officer opened the outer one.
    halves: Vec<Sealed>,
    /// The key, sealed to `reply`, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

fn not_sealed(fault: &BundleFault) -> Failure {
    Failure::internal(fault)
}

fn no_file(name: &str) -> Failure {
    Failure::new(Code::RecoveryFile, &[("file", name)]).at("file")
}

fn purpose(what: &str, device: DeviceId, first: &PersonId, second: &PersonId) -> Vec<u8> {
    format!("recovery {what} {device} {first} {second}").into_bytes()
}

fn answer_purpose(device: DeviceId) -> Vec<u8> {
    format!("recovery answer {device}").into_bytes()
}

fn aad(practice: bool, device: DeviceId) -> Vec<u8> {
    format!("ruhu recovery 1 practice={practice} device={device}").into_bytes()
}

fn seal(to: &BundleKey, purpose: &[u8], plain: &[u8]) -> Result<Vec<u8>, Failure> {
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(random().map_err(home::no_randomness)?);
    boxes::seal(to, purpose, plain, &seed).map_err(|fault| not_sealed(&fault))
}

/// The key sealed for each two officers, in either order.
fn for_each_two(officers: &[Officer], device: DeviceId, key: &[u8; 32]) -> Result<Vec<Sealed>, Failure> {
    let mut out = Vec::new();
    for first in officers {
        for second in officers.iter().filter(|second| second.person != first.person) {
            let inner = seal(&second.key, &purpose("inner", device, &first.person, &second.person), key)?;
            let outer = seal(&first.key, &purpose("outer", device, &first.person, &second.person), &inner)?;
            let (first, second) = (first.person.clone(), second.person.clone());
            out.push(Sealed { first, second, sealed: hex(&outer) });
        }
    }
    Ok(out)
}

fn read(path: &Path) -> Option<Kept> {
    let kept: Kept = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (kept.version == VERSION && kept.sum == Kept::sum(&kept.boxes, &kept.keys)).then_some(kept)
}

/// Who can open this home together, any two of them; nobody where nobody is named.
///
/// # Errors
/// What the store says.
pub(crate) fn in_force(store: &Store) -> Result<Vec<Officer>, Failure> {
    Ok(store.officers()?.in_force.unwrap_or_default())
}

/// Whether two of these can still open the home, as far as this laptop knows: of whose laptop it knows that it is revoked or
/// lost, the key is gone.
///
/// # Errors
/// What the store says.
pub(crate) fn two_can_open(store: &Store, officers: &[Officer]) -> Result<bool, Failure> {
    let laptops = store.laptops()?;
    let gone = |officer: &&Officer| {
        let laptop = laptops.iter().find(|laptop| laptop.enrolled.device == officer.device);
        laptop.is_some_and(|laptop| laptop.revoked.is_some() || !laptop.lost.is_empty())
    };
    Ok(officers.iter().filter(|officer| !gone(officer)).count() >= 2)
}

/// Keeps the second wrapping as the log wants it: for the officers who are, or none. Called with each opening.
///
/// # Errors
/// What the disk says; what was there before stays.
pub(crate) fn keep(home: &Path, secrets: &Secrets, store: &Store, officers: Vec<Officer>) -> Result<(), Failure> {
    let path = home.join(RECOVERY);
    let identity = home::identity(store)?;
    if officers.is_empty() {
        return home::erase(&path);
    }
    // Whoever remembered the passphrase after all asks no longer, and what was sent for it opens nothing any more.
    let recovering = home.join(RECOVERING);
    let there = read(&path).is_some_and(|kept| kept.officers == officers && kept.device == identity.device);
    if !there || recovering.exists() {
        write(&path, secrets, &identity, officers)?;
    }
    home::erase(&recovering)
}

fn write(path: &Path, secrets: &Secrets, identity: &Identity, officers: Vec<Officer>) -> Result<(), Failure> {
    let key: Zeroizing<[u8; 32]> = Zeroizing::new(random().map_err(home::no_randomness)?);
    let (nonce, keys) = home::seal_secrets(&key, secrets, &aad(identity.practice, identity.device))?;
    let boxes = for_each_two(&officers, identity.device, &key)?;
    let kept = Kept {
        version: VERSION,
        sum: Kept::sum(&boxes, &keys),
        practice: identity.practice,
        log: identity.log,
        device: identity.device,
        person: identity.person.clone(),
        name: identity.name.clone(),
        boxes,
        officers,
        nonce,
        keys,
    };
    home::write_json(path, &kept)
}

/// The six words of a question. Whoever writes a file chooses what they follow from: each try costs as much as one at a
/// passphrase.
fn words(device: DeviceId, reply: &BundleKey, at: Millis) -> Result<String, Failure> {
    let told = [device.0.as_slice(), &reply.0, &at.0.to_be_bytes()].concat();
    Ok(six_words(home::slow(&told, b"ruhu.recovery.1\0")?.as_slice()))
}

fn names(officers: &[Officer], which: impl Fn(&Officer) -> bool) -> Vec<String> {
    officers.iter().filter(|officer| which(officer)).map(|officer| officer.name.clone()).collect()
}

/// What waits for an answer, if anything does.
fn waiting(home: &Path) -> Option<Asking> {
    serde_json::from_slice(&fs::read(home.join(RECOVERING)).ok()?).ok()
}

/// What a locked laptop can say of a forgotten passphrase.
pub(crate) fn view(home: &Path) -> Result<RecoveryView, Failure> {
    let kept = read(&home.join(RECOVERY));
    let asked = waiting(home).zip(kept.as_ref());
    let words = asked.as_ref().map(|(asking, kept)| words(kept.device, &asking.reply, asking.at)).transpose()?;
    Ok(RecoveryView {
        officers: kept.as_ref().map_or_else(Vec::new, |kept| names(&kept.officers, |_| true)),
        words,
        asked: asked.map(|(asking, _)| asking.at.rfc3339()),
        sticks: bundles::mounted().into_iter().map(|folder| folder.to_string_lossy().into_owned()).collect(),
    })
}

/// A question to the officers, for a fresh passphrase. Asked again with the same one, it is the same question, and an answer
/// that is under way still fits; with another it is a new one.
///
/// # Errors
/// `NoOfficers`, `WeakPassphrase`; what the disk says.
pub(crate) fn question(home: &Path, fresh: &str, clock: &Clock) -> Result<Question, Failure> {
    crate::passphrase::check(fresh, "fresh")?;
    let kept = read(&home.join(RECOVERY)).ok_or_else(|| Failure::new(Code::NoOfficers, &[]))?;
    let same = waiting(home).filter(|asking| asking.secret(fresh).is_some());
    let asking = match same {
        Some(asking) => asking,
        None => {
            let seed: Zeroizing<[u8; 32]> = Zeroizing::new(random().map_err(home::no_randomness)?);
            let reply = BundleSecret::of_seed(&seed).key();
            let asking = Asking { reply, seed: Guarded::of(&seed, fresh, kept.practice)?, at: clock.wall() };
            home::write_json(&home.join(RECOVERING), &asking)?;
            asking
        }
    };
    Ok(Question(Passing {
        format: FORMAT.to_owned(),
        version: VERSION,
        practice: kept.practice,
        log: kept.log,
        device: kept.device,
        person: kept.person,
        name: kept.name,
        at: asking.at,
        reply: asking.reply,
        officers: kept.officers,
        boxes: kept.boxes,
        halves: Vec::new(),
        answer: None,
    }))
}

/// What is to be written to a stick.
pub(crate) struct Question(Passing);

impl Question {
    /// Writes it.
    ///
    /// # Errors
    /// What the stick says.
    pub(crate) fn put(&self, folder: &str) -> Result<RecoveryAsked, Failure> {
        let Self(passing) = self;
        Ok(RecoveryAsked {
            file: passing.put(folder)?,
            words: words(passing.device, &passing.reply, passing.at)?,
            officers: names(&passing.officers, |_| true),
        })
    }
}

impl Asking {
    fn secret(&self, fresh: &str) -> Option<BundleSecret> {
        let seed = self.seed.open(fresh)?;
        Some(BundleSecret::of_seed(&seed)).filter(|secret| secret.key() == self.reply)
    }
}

/// Opens the keys by what the officers sent back, and wraps them for the passphrase that was chosen when they were asked. The
/// boxes are made anew at the next opening: what was sent opens nothing any more.
///
/// # Errors
/// `RecoveryFile`, `RecoveryNone`, `RecoveryHalf` for what is not finished, `RecoveryOpen` for what does not fit,
/// `WrongPassphrase` for another than was chosen; what the disk says.
pub(crate) fn recover(home: &Path, with: &Recover) -> Result<(), Failure> {
    let (passing, name) = Passing::read(&with.file)?;
    let kept = read(&home.join(RECOVERY)).ok_or_else(|| Failure::new(Code::NoOfficers, &[]))?;
    let no_fit = || Failure::new(Code::RecoveryOpen, &[("file", &name)]).at("file");
    let asking = waiting(home).ok_or_else(no_fit)?;
    if passing.device != kept.device || passing.reply != asking.reply {
        return Err(no_fit());
    }
    let Some(answer) = passing.answer.as_deref() else {
        let code = if passing.halves.is_empty() { Code::RecoveryNone } else { Code::RecoveryHalf };
        let left = passing.still_to_help().join("、");
        return Err(Failure::new(code, &[("officers", &left)]).at("file"));
    };
    let secret = asking.secret(&with.fresh);
    let secret = secret.ok_or_else(|| Failure::new(Code::RecoveryFresh, &[]).at("fresh"))?;
    let key = unhex_all(answer).and_then(|sealed| boxes::open(&secret, &answer_purpose(kept.device), &sealed));
    let key: Zeroizing<[u8; 32]> =
        key.and_then(|key| key.as_slice().try_into().ok()).map(Zeroizing::new).ok_or_else(no_fit)?;
    let aad = aad(kept.practice, kept.device);
    let secrets = home::open_secrets(&key, &kept.nonce, &kept.keys, &aad).ok_or_else(no_fit)?;
    home::wrap_anew(home, &secrets, &with.fresh, kept.practice, kept.name)?;
    // From here on the fresh passphrase opens the home. In this order: as long as either is there or the first is gone, the
    // next opening makes the boxes anew, so what fails here is done then.
    let gone = home::erase(&home.join(RECOVERY)).and_then(|()| home::erase(&home.join(RECOVERING)));
    drop(gone);
    Ok(())
}

impl Passing {
    fn read(file: &crate::api::FileInput) -> Result<(Self, String), Failure> {
        let (name, bytes) = bytes_of(file, MOST_FILE, "file")?;
        let passing: Self = serde_json::from_slice(&bytes).map_err(|_told_otherwise| no_file(&name))?;
        if passing.format != FORMAT {
            return Err(no_file(&name));
        }
        if passing.version != VERSION {
            return Err(Failure::new(Code::MadeByNewer, &[]).at("file"));
        }
        Ok((passing, name))
    }

    /// Writes it into a folder; its path.
    fn put(&self, folder: &str) -> Result<String, Failure> {
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| Failure::internal(&error))?;
        // A name for each stage: none is written over by an earlier one.
        let stage = match (&self.answer, self.halves.is_empty()) {
            (Some(_), _) => 3,
            (None, false) => 2,
            (None, true) => 1,
        };
        let name = format!("找回口令-{stage}-{}-{}.json", self.person, self.device);
        let path = stick::put_named(&bytes, &PathBuf::from(folder.trim()), &name)
            .map_err(|fault| Failure::from(fault).at("folder"))?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// Who can go on with it: anyone, if nobody began; whoever the first did not open it for is not among them.
    fn still_to_help(&self) -> Vec<String> {
        names(&self.officers, |officer| {
            self.halves.is_empty() || self.halves.iter().any(|half| half.second == officer.person)
        })
    }

    fn officer(&self, key: &BundleKey) -> Option<&Officer> {
        self.officers.iter().find(|officer| officer.key == *key)
    }

    fn turn(&self, me: Option<&Officer>) -> RecoveryTurn {
        let Some(me) = me else { return RecoveryTurn::NotOfficer };
        if self.answer.is_some() {
            RecoveryTurn::Done
        } else if self.halves.iter().any(|half| half.second == me.person) {
            RecoveryTurn::Second
        } else if self.halves.is_empty() {
            RecoveryTurn::First
        } else {
            RecoveryTurn::Others
        }
    }

    /// Opens one box more with an officer's secret.
    fn opened_by(&self, me: &Officer, secret: &BundleSecret) -> Option<Self> {
        let inner = |half: &&Sealed| half.second == me.person;
        if let Some(half) = self.halves.iter().find(inner) {
            let key = boxes::open(
                secret,
                &purpose("inner", self.device, &half.first, &half.second),
                &unhex_all(&half.sealed)?,
            )?;
            let answer = seal(&self.reply, &answer_purpose(self.device), &key).ok()?;
            return Some(Self { halves: Vec::new(), boxes: Vec::new(), answer: Some(hex(&answer)), ..self.clone() });
        }
        let mut halves = Vec::new();
        for outer in self.boxes.iter().filter(|outer| outer.first == me.person) {
            let purpose = purpose("outer", self.device, &outer.first, &outer.second);
            let opened = boxes::open(secret, &purpose, &unhex_all(&outer.sealed)?)?;
            halves.push(Sealed { sealed: hex(&opened), ..outer.clone() });
        }
        (!halves.is_empty()).then(|| Self { halves, boxes: Vec::new(), ..self.clone() })
    }
}

impl Desk {
    fn own_key(&self) -> BundleSecret {
        home::bundle_secret(&self.signing)
    }

    /// This laptop's person would be an officer.
    pub(crate) fn offer_officer(&self, _: Nothing) -> Result<Saved, Failure> {
        let mut store = self.store();
        self.may(&store, Role::sees_all, "帮人找回口令")?;
        let device = self.identity.device;
        let event = Event::OfficerOffered(OfficerOffered { device, key: self.own_key().key() });
        self.write_one(&mut store, FileId::device(device), &event, Vec::new())
    }

    /// Who the three are, as one person of two says; nobody: there are to be none.
    pub(crate) fn name_officers(&self, with: NameOfficers) -> Result<Saved, Failure> {
        let mut store = self.store();
        self.may(&store, Role::guards, "指定帮人找回口令的人")?;
        let offered = store.officers()?.offered;
        let people = store.people()?;
        let mut officers = Vec::new();
        for device in with.devices {
            let (person, key) =
                offered.get(&device).cloned().ok_or_else(|| Failure::new(Code::NoLaptop, &[]).at("devices"))?;
            let name = Self::name_of(&people, &person);
            officers.push(Officer { person, name, device, key });
        }
        officers.sort();
        let named = OfficersNamed { officers };
        if !named.sound() {
            return Err(Failure::new(Code::ThreeOfficers, &[]).at("devices"));
        }
        self.write_one(&mut store, FileId::county(), &Event::OfficersNamed(named), Vec::new())
    }

    /// Who offered, who was named, who helped whom.
    pub(crate) fn officers(&self, _: Nothing) -> Result<OfficersView, Failure> {
        let store = self.store();
        self.may(&store, Role::sees_all, "查看帮人找回口令的人")?;
        let Officers { offered, said, in_force, helped } = store.officers()?;
        let people = store.people()?;
        let laptops = store.laptops()?;
        let whose = |device: DeviceId| {
            let found = laptops.iter().find(|laptop| laptop.enrolled.device == device);
            found.map(|laptop| Self::name_of(&people, &laptop.enrolled.person)).unwrap_or_default()
        };
        let in_force = in_force.unwrap_or_default();
        let now = self.present_of(&store)?.now;
        let in_use = |device: DeviceId| {
            laptops.iter().any(|laptop| laptop.enrolled.device == device && laptop.revoked.is_none())
        };
        let mut rows: Vec<OfficerRow> = offered
            .iter()
            .map(|(device, (person, key))| OfficerRow {
                device: *device,
                name: Self::name_of(&people, person),
                role: people.get(person).map(|given| given.role),
                person: person.clone(),
                named: in_force.iter().any(|officer| officer.device == *device && officer.key == *key),
                in_use: in_use(*device),
                mine: *device == self.identity.device,
            })
            .collect();
        rows.sort_by(|a, b| (&a.person, a.device).cmp(&(&b.person, b.device)));
        let said = said.iter().map(|(person, at, named)| OfficersSaid {
            name: Self::name_of(&people, person),
            at: at.rfc3339(),
            officers: names(&named.officers, |_| true),
            in_force: named.officers == in_force,
            ran_out: named.officers != in_force && now.0.saturating_sub(at.0) > TOGETHER,
            mine: *person == self.identity.person,
        });
        let able = |officer: &Officer| {
            in_use(officer.device) && people.get(&officer.person).is_some_and(|given| given.role.sees_all())
        };
        let helped = helped.iter().rev().take(MOST_HELPED).map(|(person, at, device, reason)| RecoveryHelpedRow {
            name: Self::name_of(&people, person),
            at: at.rfc3339(),
            whose: whose(*device),
            reason: reason.clone(),
        });
        Ok(OfficersView {
            rows,
            said: said.collect(),
            in_force: names(&in_force, |_| true),
            unable: names(&in_force, |officer| !able(officer)),
            helped: helped.collect(),
            may_name: self.role(&store)?.guards(),
        })
    }

    fn passing(&self, file: &crate::api::FileInput) -> Result<(Passing, RecoveryRequest), Failure> {
        let store = self.store();
        self.may(&store, Role::sees_all, "帮人找回口令")?;
        let (passing, name) = Passing::read(file)?;
        if passing.log != self.identity.log || passing.practice != self.identity.practice {
            return Err(Failure::new(Code::RecoveryOther, &[]).at("file"));
        }
        let laptops = store.laptops()?;
        let laptop = laptops.iter().find(|laptop| laptop.enrolled.device == passing.device);
        let laptop = laptop.filter(|laptop| laptop.enrolled.person == passing.person);
        let laptop = laptop.ok_or_else(|| Failure::new(Code::NoLaptop, &[]).at("file"))?;
        if laptop.revoked.is_some() || !laptop.lost.is_empty() {
            // A thief asks, too.
            return Err(Failure::new(Code::RecoveryLost, &[]).at("file"));
        }
        let people = store.people()?;
        let me = passing.officer(&self.own_key().key());
        let request = RecoveryRequest {
            file: name,
            // As the county knows them: a file says what it likes.
            name: Self::name_of(&people, &passing.person),
            person: passing.person.clone(),
            device: passing.device,
            asked: passing.at.rfc3339(),
            officers: names(&passing.officers, |_| true),
            next: passing.still_to_help(),
            turn: passing.turn(me),
        };
        Ok((passing, request))
    }

    /// What a file on a stick asks for, and whose turn it is.
    pub(crate) fn look_at_recovery(&self, with: LookAtRecovery) -> Result<RecoveryRequest, Failure> {
        Ok(self.passing(&with.file)?.1)
    }

    /// Opens one of the two locks. On record before it is opened.
    pub(crate) fn help_recovery(&self, with: HelpRecovery) -> Result<RecoveryPassed, Failure> {
        let reason = with.reason.trim();
        if reason.is_empty() {
            return Err(Failure::new(Code::EmptyText, &[]).at("reason"));
        }
        if reason.chars().count() > MOST_REASON {
            return Err(Failure::new(Code::TextTooLong, &[("most", &MOST_REASON.to_string())]).at("reason"));
        }
        let (passing, request) = self.passing(&with.file)?;
        match request.turn {
            RecoveryTurn::First | RecoveryTurn::Second => {}
            RecoveryTurn::NotOfficer => return Err(Failure::new(Code::NotOfficer, &[]).at("file")),
            RecoveryTurn::Others | RecoveryTurn::Done => {
                let next = request.next.join("、");
                return Err(Failure::new(Code::RecoveryTurn, &[("officers", &next)]).at("file"));
            }
        }
        let plain =
            |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace() && !"、，,".contains(*c)).collect() };
        if plain(&with.words) != plain(&words(passing.device, &passing.reply, passing.at)?) {
            return Err(Failure::new(Code::RecoveryWords, &[]).at("words"));
        }
        let helped = RecoveryHelped { device: passing.device, reason: reason.to_owned() };
        self.write_one(&mut self.store(), FileId::device(passing.device), &Event::RecoveryHelped(helped), Vec::new())?;
        let secret = self.own_key();
        let me = passing.officer(&secret.key()).cloned();
        let passed = me.and_then(|me| passing.opened_by(&me, &secret));
        let passed = passed.ok_or_else(|| no_file(&request.file))?;
        Ok(RecoveryPassed {
            file: passed.put(with.folder.trim())?,
            complete: passed.answer.is_some(),
            next: if passed.answer.is_some() { Vec::new() } else { passed.still_to_help() },
            name: request.name,
        })
    }
}

/// Rows of the list of who helped.
const MOST_HELPED: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: DeviceId = DeviceId([9; 8]);
    const KEY: [u8; 32] = [42; 32];

    fn three() -> (Vec<Officer>, Vec<BundleSecret>) {
        let names = ["a", "b", "c"];
        let secrets: Vec<BundleSecret> = [1, 2, 3].map(|seed| BundleSecret::of_seed(&[seed; 32])).into();
        let officer = |(name, secret): (&str, &BundleSecret)| Officer {
            person: name.parse().expect("an account"),
            name: name.to_owned(),
            device: DeviceId([name.as_bytes()[0]; 8]),
            key: secret.key(),
        };
        (names.into_iter().zip(&secrets).map(officer).collect(), secrets)
    }

    fn asked(officers: &[Officer], reply: BundleKey) -> Passing {
        Passing {
            format: FORMAT.to_owned(),
            version: VERSION,
            practice: true,
            log: LogId([1; 8]),
            device: DEVICE,
            person: "zhou".parse().expect("an account"),
            name: "周启明".to_owned(),
            at: Millis(1_796_712_345_000),
            reply,
            officers: officers.to_vec(),
            boxes: for_each_two(officers, DEVICE, &KEY).expect("sealed"),
            halves: Vec::new(),
            answer: None,
        }
    }

    #[test]
    fn one_officer_alone_opens_nothing_whatever_is_tried() {
        let (officers, secrets) = three();
        let boxes_of_all = for_each_two(&officers, DEVICE, &KEY).expect("sealed");
        assert_eq!(boxes_of_all.len(), 6);
        for secret in &secrets {
            let mut known: Vec<Vec<u8>> =
                boxes_of_all.iter().map(|one| unhex_all(&one.sealed).expect("bytes")).collect();
            // Whatever opens is tried once more, for every end and as if for every two.
            let mut at = 0;
            while let Some(sealed) = known.get(at).cloned() {
                at += 1;
                for what in ["outer", "inner"] {
                    for first in &officers {
                        for second in &officers {
                            let purpose = purpose(what, DEVICE, &first.person, &second.person);
                            known.extend(boxes::open(secret, &purpose, &sealed).map(|plain| plain.to_vec()));
                        }
                    }
                }
            }
            assert_eq!(known.len(), 8, "its own two outer boxes, and nothing in them");
            assert!(known.iter().all(|plain| plain.as_slice() != KEY));
        }
    }

    #[test]
    fn two_officers_seal_the_key_to_who_asked_and_to_nobody_else() {
        let (officers, secrets) = three();
        let reply = BundleSecret::of_seed(&[7; 32]);
        let asked = asked(&officers, reply.key());
        for (first, second) in [(0, 1), (1, 0), (2, 0), (1, 2)] {
            let half = asked.opened_by(&officers[first], &secrets[first]).expect("opened");
            assert_eq!((half.answer.is_none(), half.halves.len()), (true, 2));
            assert!(half.opened_by(&officers[second], &secrets[first]).is_none(), "in another's name");
            let whole = half.opened_by(&officers[second], &secrets[second]).expect("opened");
            let answer = unhex_all(whole.answer.as_deref().expect("an answer")).expect("bytes");
            let open = |secret: &BundleSecret, device| boxes::open(secret, &answer_purpose(device), &answer);
            assert_eq!(open(&reply, DEVICE).expect("opens").as_slice(), KEY);
            assert!(open(&reply, DeviceId([8; 8])).is_none());
            assert!(secrets.iter().all(|secret| open(secret, DEVICE).is_none()));
        }
    }
}
