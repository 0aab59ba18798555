//! Two files that may be one person's: an ID number that was corrected, somebody who moved. They are proposed with the reason and
//! somebody at the centre says whether they are; nothing is folded together, silently or otherwise: each file keeps what was
//! written in it, and each page leads to the other.

use std::collections::{BTreeMap, BTreeSet};

use domain::event::Event;
use domain::household::SamePersonDecided;
use domain::ids::FileId;
use domain::words::{Role, SameWhy};
use store::{Family, Said, Store};

use crate::Desk;
use crate::api::{DecideSame, Nothing, SamePair, SamePairsView, SamePerson, Saved};
use crate::contacts::tidy;
use crate::failure::{Code, Failure};

/// Most pairs that are shown.
const MOST_SHOWN: usize = 300;

/// Two files in their order.
type Pair = (FileId, FileId);

fn pair(a: FileId, b: FileId) -> Pair {
    if a < b { (a, b) } else { (b, a) }
}

/// What was said of pairs, the last word of each.
fn decided(store: &Store) -> Result<BTreeMap<Pair, (Said, SamePersonDecided)>, Failure> {
    let all = store.county_facts::<SamePersonDecided>("SamePersonDecided")?;
    Ok(all.into_iter().map(|(said, word)| (pair(word.files.0, word.files.1), (said, word))).collect())
}

/// The families that somebody said are the same person's.
pub(crate) fn same_as(store: &Store, file: FileId) -> Result<Vec<Family>, Failure> {
    let mut out = Vec::new();
    for ((a, b), (_, word)) in decided(store)? {
        let other = if a == file { b } else { a };
        if word.same
            && (a == file || b == file)
            && let Some(family) = store.family(other)?
        {
            out.push(family);
        }
    }
    Ok(out)
}

/// The numbers by which a family is called, and the family.
struct Candidate<'f> {
    family: &'f Family,
    phones: BTreeSet<String>,
}

/// Why two families of one name may be one person's.
fn why(a: &Candidate<'_>, b: &Candidate<'_>) -> Option<SameWhy> {
    if a.phones.intersection(&b.phones).next().is_some() {
        return Some(SameWhy::Phone);
    }
    let co = |one: &Candidate<'_>| one.family.co_borrower.clone().filter(|name| !name.trim().is_empty());
    if co(a).is_some() && co(a) == co(b) {
        return Some(SameWhy::CoBorrower);
    }
    // Names come again within a village: only where one of the two is no longer on the list.
    let one_gone = (a.family.contracts == 0) != (b.family.contracts == 0);
    (one_gone && a.family.place == b.family.place).then_some(SameWhy::Village)
}

impl Desk {
    pub(crate) fn same_pairs(&self, _: Nothing) -> Result<SamePairsView, Failure> {
        let store = self.store();
        self.may(&store, Role::sees_all, "看可能重复的档案")?;
        let names = self.place_names(&store)?;
        let people = store.people()?;
        let decided = decided(&store)?;
        let families = store.families_ever()?;
        let mut by_name: BTreeMap<&str, Vec<&Family>> = BTreeMap::new();
        for family in &families {
            by_name.entry(family.borrower.as_str()).or_default().push(family);
        }
        let person = |family: &Family| SamePerson {
            household: family.file,
            borrower: family.borrower.clone(),
            co_borrower: family.co_borrower.clone(),
            village: names.get(family.place.as_str()).cloned().unwrap_or_default(),
            id_tail: family.id_tail.clone(),
            total_due: family.total_due,
            on_list: family.contracts > 0,
            visits: family.visits,
        };
        let mut pairs = Vec::new();
        for group in by_name.values().filter(|group| group.len() > 1) {
            let mut candidates = Vec::new();
            for family in group {
                let registers = store.registers(family.file)?;
                let listed =
                    registers.listed.iter().flat_map(|listed| &listed.phones).map(|phone| phone.number.as_str());
                let told = registers.contacts.iter().map(|(_, added)| added.number.as_str());
                candidates.push(Candidate { family, phones: listed.chain(told).map(str::to_owned).collect() });
            }
            for (at, a) in candidates.iter().enumerate() {
                for b in candidates.iter().skip(at.saturating_add(1)) {
                    let Some(why) = why(a, b) else { continue };
                    let word = decided.get(&pair(a.family.file, b.family.file));
                    pairs.push(SamePair {
                        one: person(a.family),
                        other: person(b.family),
                        why,
                        same: word.map(|(_, word)| word.same),
                        who: word.map(|(said, _)| Self::name_of(&people, &said.author)),
                    });
                }
            }
        }
        // What nobody has looked at first; then where one is gone and the other has come.
        pairs.sort_by_key(|pair| (pair.same.is_some(), pair.one.on_list == pair.other.on_list, pair.why));
        let open = u32::try_from(pairs.iter().filter(|pair| pair.same.is_none()).count()).unwrap_or(u32::MAX);
        pairs.truncate(MOST_SHOWN);
        Ok(SamePairsView { open, pairs })
    }

    pub(crate) fn decide_same(&self, with: DecideSame) -> Result<Saved, Failure> {
        let mut store = self.store();
        self.may(&store, |role| matches!(role, Role::CentreOperator | Role::CentreHead), "认定是不是同一个人")?;
        if with.household == with.other {
            return Err(Failure::new(Code::BadInput, &[("problem", "要两份不同的档案")]).at("other"));
        }
        for file in [with.household, with.other] {
            self.family_here(&store, file)?;
        }
        let reason = tidy(with.reason.as_deref(), 100, "reason")?.unwrap_or_default();
        let files = pair(with.household, with.other);
        let before = decided(&store)?.remove(&files);
        if before.as_ref().is_some_and(|(_, word)| word.same == with.same && word.reason == reason) {
            return Ok(Saved { facts: Vec::new(), remarks: Vec::new() });
        }
        let replaces = before.into_iter().map(|(said, _)| said.id).collect();
        let word = SamePersonDecided { files, same: with.same, reason };
        self.write_one(&mut store, FileId::county(), &Event::SamePersonDecided(word), replaces)
    }
}
