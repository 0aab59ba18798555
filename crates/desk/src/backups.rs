//! Copies of a home on its own laptop: every quarter of an hour of use, read through before they are believed, looked at as
//! the desk they were, and put back in the place of a home that was damaged. What was saved since is taken over from there.
//! It must never keep a copy that holds what was to be gone, nor let an old copy go before a newer one was read through.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use domain::clock::Millis;
use domain::ids::{FileId, JournalId};
use foreign::Reader;
use store::copies::{drop_aside, is_unfinished, may_be_all_there_is};
use store::{Copier, DiskTrouble, Standing, Store, stick};

use crate::api::{BackupRow, BackupSeen, BackupsView, Nothing, VisitsAsked};
use crate::clock::Clock;
use crate::failure::{Code, Failure};
use crate::home::{Closed, Ring};
use crate::{Desk, Parts, home};

/// Between two copies of a home that is in use, milliseconds.
const EVERY_MS: i64 = 15 * 60 * 1000;
/// A home that was just opened is copied after so long: the person is let begin first.
const FIRST_MS: i64 = 60 * 1000;
/// Room that is left to the person on the disk, bytes.
const LEFT_FREE: u64 = 256 * 1024 * 1024;
/// The newest ones are all kept.
const NEWEST: usize = 4;
/// Beside them one an hour, of the last day.
const HOURLY_MS: i64 = 24 * 3_600_000;
/// And one a day, of the last thirty.
const DAILY_MS: i64 = 30 * 24 * 3_600_000;
/// However wrong a clock was, more are not kept.
const MOST: usize = 80;
/// Homes that were replaced by a copy: so many lie aside.
const MOST_ASIDE: usize = 2;

/// How copying went on this desk since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Copying {
    /// When the home was opened, and when it was last tried; by the clock that nobody sets.
    opened: i64,
    tried: Option<i64>,
    /// What the store counted at the last copy.
    changes: u64,
    /// Why the last try failed.
    failure: Option<Failure>,
}

impl Copying {
    pub(crate) fn begun() -> Self {
        Self { opened: Clock::steady(), ..Self::default() }
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure.clone()
    }
}

/// A copy as its name tells it: `{number}-{time}-{purged}.db`. Numbers grow; clocks need not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kept {
    number: u64,
    at: Millis,
    purged: u64,
    name: String,
}

impl Kept {
    fn new(number: u64, at: Millis, purged: u64) -> Self {
        let name = format!("{number:06}-{}-{purged}.db", at.civil().format("%Y%m%dT%H%M%S"));
        Self { number, at, purged, name }
    }

    fn read(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(".db")?.splitn(3, '-');
        let (number, at, purged) = (parts.next()?, parts.next()?, parts.next()?);
        let at = chrono::NaiveDateTime::parse_from_str(at, "%Y%m%dT%H%M%S").ok()?;
        let kept = Self::new(number.parse().ok()?, Millis::of_civil(at.date(), at.time()), purged.parse().ok()?);
        // Names that another wrote are another's.
        (kept.name == name).then_some(kept)
    }
}

/// The copies in a folder, newest first. A folder that is not there holds none.
fn kept(folder: &Path) -> Result<Vec<Kept>, Failure> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(store::StoreFault::from(error).into()),
    };
    let mut all = Vec::new();
    for entry in entries {
        let name = entry.map_err(store::StoreFault::from)?.file_name();
        all.extend(name.to_str().and_then(Kept::read));
    }
    all.sort();
    all.reverse();
    Ok(all)
}

/// Which of the copies, newest first, are kept no longer. `purged`: how often something of this home had gone for good when
/// the newest was made; what is older than that holds it still.
fn too_many(kept: &[Kept], now: Millis, purged: u64) -> Vec<Kept> {
    let (mut hours, mut days, mut count) = (BTreeSet::new(), BTreeSet::new(), 0_usize);
    let keep = |(at, one): (usize, &Kept)| {
        if one.purged < purged || count >= MOST {
            return false;
        }
        let age = now.0.saturating_sub(one.at.0);
        let hour = hours.insert(one.at.0.div_euclid(3_600_000)) && age < HOURLY_MS;
        let day = days.insert(one.at.day()) && age < DAILY_MS;
        let keep = at < NEWEST || hour || day;
        count = count.saturating_add(usize::from(keep));
        keep
    };
    let kept_on: Vec<bool> = kept.iter().enumerate().map(keep).collect();
    kept.iter().zip(kept_on).filter(|(_, keep)| !keep).map(|(one, _)| one.clone()).collect()
}

/// The copies of a home, as far as can be told without its passphrase.
pub(crate) fn listed(folder_of_home: &Path) -> Result<Vec<BackupRow>, Failure> {
    let folder = folder_of_home.join(store::copies::FOLDER);
    let row = |one: Kept| {
        let bytes = std::fs::metadata(folder.join(&one.name)).map_or(0, |found| found.len());
        BackupRow { at: one.at.rfc3339(), bytes: bytes.try_into().unwrap_or(u32::MAX), name: one.name }
    };
    Ok(kept(&folder)?.into_iter().map(row).collect())
}

/// Whether a folder was made longer ago than copies are kept.
fn outlived(folder: &Path, now: Millis) -> bool {
    let made = std::fs::metadata(folder).and_then(|found| found.modified()).ok();
    let made = made.and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
    let made = made.and_then(|made| i64::try_from(made.as_millis()).ok());
    made.is_some_and(|made| now.0.saturating_sub(made) >= DAILY_MS)
}

/// A copy by its name; a name that is no copy's is not found, whatever path it spells.
pub(crate) fn named(copier: &Copier, name: &str) -> Result<Kept, Failure> {
    kept(copier.folder())?
        .into_iter()
        .find(|one| one.name == name)
        .ok_or_else(|| Failure::new(Code::NotFound, &[("what", "这份备份")]).at("name"))
}

/// A new folder for a home that is replaced, older ones beyond [`MOST_ASIDE`] gone. Its name tells how often something had
/// gone for good by then.
fn fresh_aside(folder_of_home: &Path, purged: u64) -> Result<PathBuf, Failure> {
    let there = asides(folder_of_home)?;
    // Of those that were read nothing is only there. The others stay until their time is over.
    let read = there.iter().rev().filter(|(_, _, old)| !may_be_all_there_is(old));
    for (_, _, old) in read.skip(MOST_ASIDE.saturating_sub(1)) {
        drop_aside(old).map_err(store::StoreFault::from)?;
    }
    let number = there.last().map_or(0, |(number, ..)| *number).saturating_add(1);
    Ok(folder_of_home.join(format!("replaced-{number:06}-{purged}")))
}

/// Homes that were replaced: number, what had gone by then, folder; oldest first.
fn asides(folder_of_home: &Path) -> Result<Vec<(u64, u64, PathBuf)>, Failure> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder_of_home).map_err(store::StoreFault::from)? {
        let path = entry.map_err(store::StoreFault::from)?.path();
        let read = |name: &str| -> Option<(u64, u64)> {
            let (number, purged) = name.strip_prefix("replaced-")?.split_once('-')?;
            Some((number.parse().ok()?, purged.parse().ok()?))
        };
        if let Some((number, purged)) = path.file_name().and_then(|name| name.to_str()).and_then(read) {
            all.push((number, purged, path));
        }
    }
    all.sort();
    Ok(all)
}

/// Looks into a copy as the desk that it was.
pub(crate) fn look(
    copier: &Copier,
    copy: &Kept,
    parts: impl FnOnce(Store) -> Result<Parts, Failure>,
) -> Result<BackupSeen, Failure> {
    copier.look(&copier.folder().join(&copy.name), |store| {
        let facts = store.check()?;
        let desk = Desk::of(parts(store)?)?;
        let visits = desk.visits(VisitsAsked { on: None, mine: true, limit: 10 })?;
        let status = desk.status(Nothing {})?;
        // A laptop that is shut shows nothing by this way either.
        let rows = if desk.not_shut().is_ok() { visits.visits } else { Vec::new() };
        Ok(BackupSeen {
            at: copy.at.rfc3339(),
            facts: u32::try_from(facts).unwrap_or(u32::MAX),
            only_here: status.only_here,
            own_visits: visits.total,
            visits: rows,
        })
    })
}

/// Puts a copy in the place of a closed home.
pub(crate) fn put_back(home: &Closed, copy: &Kept) -> Result<(), Failure> {
    undo_cut_off(home)?;
    let (path, aside) = (home.copier.folder().join(&copy.name), fresh_aside(&home.folder, copy.purged)?);
    home.copier.put_back(&path, &aside).map_err(|fault| unusable(fault.into()))
}

/// A replacing that was cut off half way is undone; only the latest can have been.
fn undo_cut_off(home: &Closed) -> Result<(), Failure> {
    if let Some((.., latest)) = asides(&home.folder)?.pop() {
        home.copier.unfinished(&latest)?;
    }
    Ok(())
}

/// Opens a home. If a copy was put in its place, now (`put`) or before the power went, it goes on under a new journal, and
/// what was saved since is taken over.
pub(crate) fn open(
    home: Closed,
    clock: Clock,
    reader: Reader,
    ring: Ring,
    put: bool,
) -> Result<(Desk, Option<Restored>), Failure> {
    undo_cut_off(&home)?;
    let asides: Vec<PathBuf> = asides(&home.folder)?.into_iter().map(|(.., aside)| aside).collect();
    let latest = asides.last().cloned();
    let replaced: Vec<PathBuf> = asides.into_iter().filter(|aside| is_unfinished(aside)).collect();
    let copier = home.copier.clone();
    let parts = home.open(clock, reader, ring)?;
    let standing = parts.standing;
    let desk = Desk::of(parts)?;
    if replaced.is_empty() && !put {
        return Ok((desk, None));
    }
    desk.go_on_from_copy(standing)?;
    let mut restored = Restored { taken_over: 0, read: !replaced.is_empty(), kept_in: String::new() };
    // The oldest that is unfinished is what was used last, for nothing opens before all are done: its forms stand in the end.
    for aside in replaced.into_iter().rev() {
        // Whatever is wrong with it may be why it was replaced. All or nothing: of a file that is half unreadable nobody
        // could say what is missing.
        let before = copier.open_put_aside(&aside);
        let over = |before: store::Store| {
            let mut store = desk.store();
            let taken = store.take_over(&before)?;
            Ok((taken, before))
        };
        match before.and_then(over) {
            Ok((taken, before)) => {
                desk.put_back_now(&before)?;
                restored.taken_over = restored.taken_over.saturating_add(taken);
                copier.finished(&aside, true)?;
            }
            // Nothing is opened before it can be done: what came of a contact meanwhile would come once more.
            Err(fault) if fault.disk() == Some(DiskTrouble::Full) => return Err(fault.into()),
            Err(_) => {
                restored.read = false;
                copier.finished(&aside, false)?;
            }
        }
    }
    if !restored.read {
        desk.lost_what_was_replaced(standing)?;
    }
    restored.kept_in = latest.map(|aside| aside.display().to_string()).unwrap_or_default();
    Ok((desk, Some(restored)))
}

/// What came of that.
pub(crate) struct Restored {
    pub(crate) taken_over: u32,
    pub(crate) read: bool,
    pub(crate) kept_in: String,
}

/// What is said of a copy that cannot be used.
pub(crate) fn unusable(failure: Failure) -> Failure {
    if matches!(failure.code, Code::DiskFull | Code::DiskReadOnly | Code::MadeByNewer) {
        return failure;
    }
    Failure { incident: failure.incident, ..Failure::new(Code::BackupUnusable, &[]) }
}

impl Desk {
    /// Held while nothing is to be copied.
    pub(crate) fn no_copy(&self) -> parking_lot::MutexGuard<'_, Copying> {
        self.copying.lock()
    }

    /// Copies the home now; with the answer the copy is read through.
    pub(crate) fn back_up_now(&self, _: Nothing) -> Result<BackupsView, Failure> {
        self.back_up(&mut self.copying.lock())?;
        self.backups(Nothing {})
    }

    /// Copies the home if it is time to and something changed since. Returns whether it did.
    ///
    /// # Errors
    /// What the disk says.
    pub(crate) fn back_up_if_due(&self) -> Result<bool, Failure> {
        // One that runs serves as well.
        let Some(mut copying) = self.copying.try_lock() else { return Ok(false) };
        let now = Clock::steady();
        let due = match copying.tried {
            Some(tried) => now.saturating_sub(tried) >= EVERY_MS && self.store().changes() != copying.changes,
            None => now.saturating_sub(copying.opened) >= FIRST_MS && self.last_is_old(),
        };
        if due {
            self.back_up(&mut copying)?;
        }
        Ok(due)
    }

    /// Whether the newest copy is of an earlier quarter of an hour, or of one that is still to come.
    fn last_is_old(&self) -> bool {
        let newest =
            self.folder().and_then(|folder| kept(&folder.join(store::copies::FOLDER)).ok()?.into_iter().next());
        newest.is_none_or(|newest| !(0..EVERY_MS).contains(&self.clock.wall().0.saturating_sub(newest.at.0)))
    }

    fn back_up(&self, copying: &mut Copying) -> Result<(), Failure> {
        copying.tried = Some(Clock::steady());
        let changes = self.store().changes();
        let done = self.copy();
        match &done {
            Ok(()) => {
                copying.changes = changes;
                copying.failure = None;
            }
            Err(failure) => copying.failure = Some(failure.clone()),
        }
        done
    }

    fn copy(&self) -> Result<(), Failure> {
        let (copier, folder) = self.copier_and_folder()?;
        let now = self.clock.wall();
        let mut there = kept(copier.folder())?;
        // The copy itself and what is written for reading it through; what is still missing older copies give up, but for
        // the newest.
        let needed =
            std::fs::metadata(folder.join(home::DATABASE)).map_or(0, |found| found.len()).saturating_add(LEFT_FREE);
        while there.len() > 1 && stick::room(&folder).is_some_and(|free| free < needed) {
            if let Some(oldest) = there.pop() {
                remove(&copier.folder().join(oldest.name))?;
            }
        }
        let number = there.first().map_or(0, |newest| newest.number).saturating_add(1);
        let name = |copied: store::Copied| Kept::new(number, now, copied.purged).name;
        let go_on = || !self.closed.load(std::sync::atomic::Ordering::Relaxed);
        let Some(copied) = copier.copy(name, &go_on)? else {
            return Err(Failure::new(Code::Locked, &[]));
        };
        for old in too_many(&kept(copier.folder())?, now, copied.purged) {
            remove(&copier.folder().join(old.name))?;
        }
        for (_, purged, old) in asides(&folder)? {
            // What was read holds nothing of its own, and maybe what is to be gone. What was not may be all there is of
            // somebody's work: it is kept, sealed as it is, as long as copies are.
            // By the county's time as well: a clock that jumped ahead is no reason.
            let seen: Option<Millis> = self.store().meta("seen")?;
            let surely = seen.unwrap_or(Millis(0)).min(now);
            let over = if may_be_all_there_is(&old) { outlived(&old, surely) } else { purged < copied.purged };
            if over {
                drop_aside(&old).map_err(store::StoreFault::from)?;
            }
        }
        Ok(())
    }

    fn copier_and_folder(&self) -> Result<(Copier, PathBuf), Failure> {
        let store = self.store();
        store.copier().zip(store.folder()).ok_or_else(|| Failure::new(Code::NoHome, &[]))
    }

    fn folder(&self) -> Option<PathBuf> {
        self.store().folder()
    }

    /// The copies of this home, and how the last try went.
    pub(crate) fn backups(&self, _: Nothing) -> Result<BackupsView, Failure> {
        let copies = self.folder().map_or(Ok(Vec::new()), |folder| listed(&folder))?;
        Ok(BackupsView { copies, last_failure: self.copying.try_lock().and_then(|copying| copying.failure()) })
    }

    /// This desk's home was put back to a copy: it goes on under a new journal, also where nothing was saved since.
    fn go_on_from_copy(&self, found: Standing) -> Result<(), Failure> {
        let mut store = self.store();
        if found == Standing::Sound {
            let fresh = JournalId(self.chance.fresh().map_err(home::no_randomness)?);
            store.open_journal(fresh, self.identity.device, &self.signing.verifying_key())?;
        }
        // Told now, or again if something is missing.
        Ok(store.set_meta(home::WAS_BEHIND, &None::<Millis>)?)
    }

    /// Nothing could be taken over: the person compares with the papers, and prints under numbers that are surely free.
    fn lost_what_was_replaced(&self, found: Standing) -> Result<(), Failure> {
        let mut store = self.store();
        if found == Standing::Sound {
            // Without an anchor nothing says how many sheets are missing.
            store.give_up_numbers(FileId::device(self.identity.device))?;
        }
        Ok(store.set_meta(home::WAS_BEHIND, &Some(self.clock.wall()))?)
    }
}

fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(store::StoreFault::from(error).into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    /// Copies of a season: every quarter of an hour from eight to six, for so many days; newest first.
    fn season(days: i64) -> (Vec<Kept>, Millis) {
        let begun =
            Millis::of_civil(chrono::NaiveDate::from_ymd_opt(2026, 11, 1).expect("a day"), chrono::NaiveTime::MIN);
        let mut all = Vec::new();
        for day in 0..days {
            for quarter in 0..40 {
                let at = begun.plus(day * 24 * HOUR + 8 * HOUR + quarter * HOUR / 4);
                all.push(Kept::new(u64::try_from(all.len()).expect("a number"), at, 0));
            }
        }
        all.reverse();
        let now = all[0].at;
        (all, now)
    }

    #[test]
    fn a_name_tells_what_a_copy_is_and_other_files_are_none() {
        let (all, _) = season(1);
        for one in &all {
            assert_eq!(Kept::read(&one.name).as_ref(), Some(one));
        }
        for name in
            ["trial.tmp", "000001-20261101T080000-0.db-wal", "../ruhu.db", "1-20261101T080000-0.db", "000001--0.db"]
        {
            assert_eq!(Kept::read(name), None, "{name}");
        }
    }

    #[test]
    fn thirty_days_are_kept_and_the_last_one_hour_by_hour() {
        let (mut all, now) = season(45);
        let gone = too_many(&all, now, 0);
        all.retain(|one| !gone.contains(one));
        let days: BTreeSet<_> = all.iter().map(|one| one.at.day()).collect();
        assert_eq!(days.len(), 30);
        let last: Vec<_> = all.iter().filter(|one| one.at.day() == now.day()).collect();
        assert!((10..=14).contains(&last.len()), "{}", last.len());
        assert!(all.len() <= 60, "{}", all.len());
        // Each day's last one is the one that is kept.
        assert!(all.iter().skip(15).all(|one| one.at.civil().format("%H:%M").to_string() == "17:45"), "{all:?}");
        assert_eq!(too_many(&all, now, 0), [], "and nothing more goes the next time");
    }

    #[test]
    fn a_clock_that_jumped_costs_no_newest_copy() {
        let (all, now) = season(3);
        for wrong in [now.plus(80 * 365 * 24 * HOUR), Millis(0)] {
            let gone = too_many(&all, wrong, 0);
            assert!(!all[..NEWEST].iter().any(|newest| gone.contains(newest)));
        }
        // Nor do those of a clock that was ahead for years stay for ever.
        let ahead: Vec<Kept> = (0..400)
            .rev()
            .map(|n: i64| Kept::new(u64::try_from(n).expect("small"), now.plus(n * 24 * HOUR), 0))
            .collect();
        assert_eq!(ahead.len() - too_many(&ahead, now, 0).len(), MOST);
    }

    #[test]
    fn what_holds_what_is_to_be_gone_goes() {
        let (mut all, now) = season(2);
        all[0].purged = 3;
        all[1].purged = 3;
        all[2].purged = 2;
        let gone = too_many(&all, now, 3);
        assert_eq!(gone.len(), all.len() - 2);
    }
}
