//! The numbers of documents: which are free in this device's own blocks, and which are given up because another state of
//! this disk may have printed under them. A number may be lost to a family; it must never stand on two sheets.

use std::collections::BTreeSet;

use domain::ids::{DeviceId, FileId, JournalId};
use domain::letter::BlockLeased;
use domain::lost::NumberRange;
use domain::words::DocKind;
use rusqlite::{Connection, Transaction, params};

use crate::fault::StoreFault;
use crate::log::{Pen, Store, meta, set_meta};

/// A letter's number that is free, with how many more there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// The next.
    pub next: Option<u32>,
    /// Free in all.
    pub left: u32,
}

impl Store {
    /// Free numbers of a kind in a year, of this device's own blocks.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn numbers(&self, device: FileId, kind: DocKind, year: i32) -> Result<Numbers, StoreFault> {
        numbers(&self.conn, device, kind, year)
    }

    /// The numbers that any device was leased, for whatever journal, and under which no sheet is known here.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn open_numbers(&self, device: DeviceId) -> Result<Vec<NumberRange>, StoreFault> {
        let mut find = self.conn.prepare_cached(
            "SELECT DISTINCT kind, year, block FROM number_block
             WHERE file = (SELECT no FROM file WHERE id = ?1) ORDER BY kind, year, block",
        )?;
        let rows =
            find.query_map([FileId::device(device).0], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))?;
        let mut out = Vec::new();
        for row in rows {
            let (code, year, block) = row?;
            let Some(kind) = DocKind::ALL.iter().copied().find(|kind| kind.code() == code) else { continue };
            let block = BlockLeased { kind, year, block, journal: None };
            if let Some(first) = first_free(&self.conn, &block)? {
                out.push(NumberRange { kind, year, first, last: block.end().saturating_sub(1) });
            }
        }
        Ok(out)
    }

    /// Gives up every number that this device was leased before the present journal: another state of this disk may have
    /// printed under any of them, and nothing says how many.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn give_up_numbers(&mut self, device: FileId) -> Result<(), StoreFault> {
        let Some(present) = self.meta::<JournalId>("journal")? else { return Ok(()) };
        self.within(|tx, names| {
            let journal = names.journal(tx, present)?;
            give_up(tx, device, journal, None)
        })
    }
}

impl Pen<'_> {
    /// Free numbers as of this write.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn numbers(&self, device: FileId, kind: DocKind, year: i32) -> Result<Numbers, StoreFault> {
        numbers(self.tx(), device, kind, year)
    }
}

fn numbers(conn: &Connection, device: FileId, kind: DocKind, year: i32) -> Result<Numbers, StoreFault> {
    let mut out = Numbers { next: None, left: 0 };
    for (block, next) in free(conn, device, kind, year)? {
        out.next = out.next.or(Some(next));
        out.left = out.left.saturating_add(block.end().saturating_sub(next));
    }
    Ok(out)
}

/// The blocks that have a free number, in order, each with its first one.
fn free(conn: &Connection, device: FileId, kind: DocKind, year: i32) -> Result<Vec<(BlockLeased, u32)>, StoreFault> {
    // A lease that names no journal is of before leases did; whose it is nobody can say once there is a doubt.
    let mut find = conn.prepare_cached(
        "SELECT DISTINCT block FROM number_block b
         WHERE file = (SELECT no FROM file WHERE id = ?1) AND kind = ?2 AND year = ?3
           AND iif(b.journal IS NULL, ?4 IS NULL,
             EXISTS (SELECT 1 FROM journal j WHERE j.id = b.journal AND j.own = 1 AND j.no >= coalesce(?4, 0)))
         ORDER BY block",
    )?;
    let from: Option<i64> = meta(conn, FROM)?;
    let blocks: Vec<u32> =
        find.query_map(params![device.0, kind.code(), year, from], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut out = Vec::new();
    for block in blocks {
        let block = BlockLeased { kind, year, block, journal: None };
        out.extend(first_free(conn, &block)?.map(|next| (block, next)));
    }
    Ok(out)
}

/// The first number of a block under which no sheet is known, if one is left.
fn first_free(conn: &Connection, block: &BlockLeased) -> Result<Option<u32>, StoreFault> {
    // A number is consumed in order and never given back, so the highest used one says it all.
    let used: Option<u32> = conn
        .prepare_cached(
            "SELECT max(serial) FROM (SELECT kind, year, serial FROM letter UNION ALL SELECT kind, year, serial FROM spent)
             WHERE kind = ?1 AND year = ?2 AND serial >= ?3 AND serial < ?4",
        )?
        .query_row(params![block.kind.code(), block.year, block.first(), block.end()], |row| row.get(0))?;
    let next = used.map_or(block.first(), |used| used.saturating_add(1));
    Ok((next < block.end()).then_some(next))
}

/// Set where another state of this disk may have printed under what was leased so far, also under what this one has not
/// heard of: the number (`journal.no`) of the journal that was begun then. What is leased to it or a later one is its own.
const FROM: &str = "numbers_from";

/// Gives up the next numbers of each kind and year: another state of this disk wrote so many facts that are not here, and
/// each may have been a sheet. Without a count all that this device was leased for journals before `journal` are given up.
pub(crate) fn give_up(
    tx: &Transaction<'_>,
    device: FileId,
    journal: i64,
    facts: Option<u64>,
) -> Result<(), StoreFault> {
    let series: BTreeSet<(String, i32)> = tx
        .prepare("SELECT DISTINCT kind, year FROM number_block WHERE file = (SELECT no FROM file WHERE id = ?1)")?
        .query_map([device.0], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    // Nothing leased is known here at all: what was leased since, and printed under, is not either.
    let mut more = facts != Some(0) && series.is_empty();
    for (code, year) in series {
        let Some(kind) = DocKind::ALL.iter().copied().find(|kind| kind.code() == code) else { continue };
        let mut rest = facts.map_or(u32::MAX, |facts| u32::try_from(facts).unwrap_or(u32::MAX));
        for (block, next) in free(tx, device, kind, year)? {
            let now = rest.min(block.end().saturating_sub(next));
            if now == 0 {
                break;
            }
            rest = rest.saturating_sub(now);
            tx.execute(
                "INSERT INTO spent (kind, year, block, serial) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET serial = max(serial, excluded.serial)",
                params![code, year, block.block, next.saturating_add(now).saturating_sub(1)],
            )?;
        }
        more |= rest > 0;
    }
    if more {
        set_meta(tx, FROM, &journal)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::SigningKey;
    use domain::clock::Millis;
    use domain::event::Event;
    use domain::household::ContactStated;
    use domain::ids::{DeviceId, PersonId};
    use domain::words::{ContactState, Section};

    use super::*;
    use crate::folder::Folder;
    use crate::log::Standing;

    const DEVICE: DeviceId = DeviceId([5; 8]);
    const YEAR: i32 = 2026;

    fn record(store: &mut Store, event: &Event) {
        let author: PersonId = "field1".parse().expect("an account");
        let file = FileId::device(DEVICE);
        let write = |pen: &mut Pen<'_>| pen.record(file, Section::Core, event, Vec::new());
        store.write::<_, StoreFault>(&author, Millis(1_796_700_000_000), write).expect("written");
    }

    fn lease(store: &mut Store, block: u32, journal: Option<u8>) {
        let journal = journal.map(|journal| JournalId([journal; 8]));
        record(store, &Event::BlockLeased(BlockLeased { kind: DocKind::ServiceReceipt, year: YEAR, block, journal }));
    }

    /// Any fact: which of those that are lost was a sheet nobody can say.
    fn work(store: &mut Store) {
        record(
            store,
            &Event::ContactStated(ContactStated {
                number: "13900000001".parse().expect("a number"),
                state: ContactState::Confirmed,
                on: chrono::NaiveDate::from_ymd_opt(2026, 12, 3).expect("a day"),
            }),
        );
    }

    fn begin(store: &mut Store, journal: u8) {
        let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
        store.open_journal(JournalId([journal; 8]), DEVICE, &key).expect("a journal");
    }

    fn left(store: &Store) -> (Option<u32>, u32) {
        let numbers = store.numbers(FileId::device(DEVICE), DocKind::ServiceReceipt, YEAR).expect("numbers");
        (numbers.next, numbers.left)
    }

    /// A store with the blocks 101 and 104 whose database is put back to before `lost` facts of its journal, or of the next
    /// one. Its anchor is not.
    fn put_back(lost: u32, next_journal: bool) -> (Store, Folder) {
        let folder = Folder::fresh();
        let (mut store, _) = folder.store();
        begin(&mut store, 1);
        lease(&mut store, 101, Some(1));
        lease(&mut store, 104, Some(1));
        drop(store);
        let path = folder.0.join("ruhu.db");
        let before = std::fs::read(&path).expect("read");
        let (mut store, _) = folder.store();
        if next_journal {
            begin(&mut store, 2);
        }
        (0..lost).for_each(|_| work(&mut store));
        drop(store);
        std::fs::write(&path, before).expect("written");
        let (mut store, standing) = folder.store();
        assert!(matches!(standing, Standing::Behind { .. }), "{standing:?}");
        begin(&mut store, 3);
        (store, folder)
    }

    #[test]
    fn as_many_numbers_are_passed_over_as_sheets_may_have_been_printed() {
        let (store, folder) = put_back(3, false);
        assert_eq!(left(&store), (Some(10_103), 197));
        drop(store);
        let (mut store, standing) = folder.store();
        assert_eq!(standing, Standing::Sound);
        store.rebuild().expect("rebuilt");
        assert_eq!(left(&store), (Some(10_103), 197), "whatever becomes of the views");
    }

    #[test]
    fn a_long_day_that_is_lost_ends_one_block_and_begins_the_next() {
        let (store, _folder) = put_back(130, false);
        assert_eq!(left(&store), (Some(10_430), 70));
    }

    #[test]
    fn nothing_is_printed_under_numbers_of_which_nobody_knows() {
        let (mut store, _folder) = put_back(1, true);
        assert_eq!(left(&store), (None, 0), "what another journal held cannot be counted");
        // Leased before, and not heard of until now: the other state may have printed under it, too.
        lease(&mut store, 102, Some(2));
        lease(&mut store, 103, None);
        assert_eq!(left(&store), (None, 0));
        lease(&mut store, 105, Some(3));
        assert_eq!(left(&store), (Some(10_500), 100), "leased to the journal that this file writes now");
        begin(&mut store, 4);
        assert_eq!(left(&store), (Some(10_500), 100), "and stays so with a later one");
    }

    #[test]
    fn what_is_missing_beyond_the_blocks_that_are_known_makes_those_doubtful_that_are_not() {
        let (mut store, _folder) = put_back(250, false);
        assert_eq!(left(&store), (None, 0), "two hundred numbers for two hundred and fifty facts");
        lease(&mut store, 105, Some(1));
        assert_eq!(left(&store), (None, 0));
        lease(&mut store, 106, Some(3));
        assert_eq!(left(&store), (Some(10_600), 100), "leased to the new journal");
    }

    #[test]
    fn two_copies_of_a_laptop_print_under_numbers_of_their_own() {
        let folder = Folder::fresh();
        let (mut store, _) = folder.store();
        begin(&mut store, 1);
        lease(&mut store, 101, Some(1));
        let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
        store.leave_twin(JournalId([2; 8]), DEVICE, &key, &[]).expect("left");
        assert_eq!(left(&store), (None, 0));
        // The other one asks on, and hears of what this one is leased.
        lease(&mut store, 102, Some(1));
        lease(&mut store, 103, Some(2));
        lease(&mut store, 104, Some(9));
        assert_eq!(left(&store), (Some(10_300), 100));
    }

    #[test]
    fn a_copy_that_has_not_found_out_leaves_the_others_numbers_alone() {
        let folder = Folder::fresh();
        let (mut store, _) = folder.store();
        begin(&mut store, 1);
        lease(&mut store, 101, None);
        lease(&mut store, 102, Some(2));
        assert_eq!(left(&store), (Some(10_100), 100), "of before leases named a journal, and none of the other's");
    }

    #[test]
    fn a_doubt_of_the_version_before_is_kept() {
        let folder = Folder::fresh();
        let (mut store, _) = folder.store();
        begin(&mut store, 1);
        lease(&mut store, 101, None);
        begin(&mut store, 2);
        store
            .conn
            .execute_batch(&format!(
                "{} PRAGMA user_version = 8; INSERT INTO meta VALUES ('numbers_doubt', CAST('{{\"Since\":7}}' AS BLOB));",
                crate::folder::BACK_TO_9
            ))
            .expect("as it was");
        drop(store);
        let (mut store, _) = folder.store();
        assert_eq!(left(&store), (None, 0));
        lease(&mut store, 102, Some(2));
        assert_eq!(left(&store), (Some(10_200), 100));
    }
}
