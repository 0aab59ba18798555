//! Masks and who lifted them: full ID numbers are shown to who says why, and that they were is on record before they are; so
//! are searches by a full number. It must never show a number that no record stands for.

use std::collections::VecDeque;

use domain::audit::Looked;
use domain::event::Event;
use domain::identity::IdNumber;
use domain::ids::FileId;
use domain::words::{LookedAt, Role, Section};

use crate::Desk;
use crate::api::{LookRow, LooksView, Nothing, RevealIdentity, Revealed};
use crate::clock::Clock;
use crate::failure::{Code, Failure};

/// So many looks within a minute are a person's; more are not.
const MOST_A_MINUTE: usize = 20;
const MINUTE_MS: i64 = 60_000;
/// Characters of a reason.
const MOST_REASON: usize = 200;
/// Rows of the list.
const MOST_ROWS: u32 = 200;

/// When masks were lifted here lately, by the clock that nobody sets.
pub(crate) type Lately = VecDeque<i64>;

impl Desk {
    /// The family's full ID numbers, for who says why.
    pub(crate) fn reveal_identity(&self, with: RevealIdentity) -> Result<Revealed, Failure> {
        let reason = with.reason.trim();
        if reason.is_empty() {
            return Err(Failure::new(Code::EmptyText, &[]).at("reason"));
        }
        if reason.chars().count() > MOST_REASON {
            return Err(Failure::new(Code::TextTooLong, &[("most", &MOST_REASON.to_string())]).at("reason"));
        }
        let mut store = self.store();
        self.may(&store, Role::works_cases, "查看完整身份证号")?;
        if store.family(with.household)?.is_none() {
            return Err(Failure::new(Code::NoHousehold, &[]).at("household"));
        }
        let numbers = store.registers(with.household)?.identified;
        let numbers = numbers.ok_or_else(|| Failure::new(Code::NotFound, &[("what", "这一户的完整身份证号")]))?;
        self.not_too_often()?;
        let looked = Looked { at: LookedAt::Identity, reason: Some(reason.to_owned()) };
        self.record_look(&mut store, with.household, looked)?;
        Ok(Revealed { borrower_id: numbers.borrower_id.clone(), co_borrower_id: numbers.co_borrower_id.clone() })
    }

    fn not_too_often(&self) -> Result<(), Failure> {
        let mut lately = self.lately.lock();
        let now = Clock::steady();
        while lately.front().is_some_and(|at| now.saturating_sub(*at) >= MINUTE_MS) {
            lately.pop_front();
        }
        if lately.len() >= MOST_A_MINUTE {
            return Err(Failure::new(Code::TooManyLooks, &[]));
        }
        lately.push_back(now);
        Ok(())
    }

    fn record_look(&self, store: &mut store::Store, file: FileId, looked: Looked) -> Result<(), Failure> {
        self.write(store, |pen| {
            pen.record(file, Section::Id, &Event::Looked(looked), Vec::new())?;
            Ok(())
        })?;
        Ok(())
    }

    /// A search by a full number that found families is a look at each.
    pub(crate) fn searched(&self, store: &mut store::Store, text: &str, found: &[FileId]) -> Result<(), Failure> {
        let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        if plain.parse::<IdNumber>().is_err() {
            return Ok(());
        }
        // Where the numbers are not here, the last digits alone were compared.
        let mut seen = Vec::new();
        for file in found {
            if store.registers(*file)?.identified.is_some() {
                seen.push(file);
            }
        }
        // Whoever searches by a number has it already: it is put on record, and not counted as a mask lifted.
        for file in seen {
            self.record_look(store, *file, Looked { at: LookedAt::SearchById, reason: None })?;
        }
        Ok(())
    }

    /// Who looked at what, for the head and the auditor.
    pub(crate) fn looks(&self, _: Nothing) -> Result<LooksView, Failure> {
        let store = self.store();
        self.may(&store, Role::guards, "查看谁看过身份证号")?;
        let people = store.people()?;
        let mut rows = Vec::new();
        for look in store.looks(MOST_ROWS)? {
            let borrower = store.family(look.file)?.map(|family| family.borrower);
            rows.push(LookRow {
                look: look.id,
                household: look.file,
                borrower,
                name: Self::name_of(&people, &look.person),
                person: look.person,
                at: look.at.rfc3339(),
                what: look.looked.at,
                reason: look.looked.reason,
            });
        }
        Ok(LooksView { rows })
    }
}
