//! Conflicts that were decided: what counts, who said so, and what was put aside, so that each can be decided anew. A
//! decision is a value in the place of several; nothing here edits one, and nothing that was put aside is forgotten.

use std::collections::BTreeSet;

use domain::ids::FactId;
use store::Filled;

use crate::Desk;
use crate::api::{Nothing, SettledCard, SettledView, ValueView};
use crate::failure::Failure;
use crate::voices::Voices;

/// Most cards on the page.
const MOST: u32 = 100;

impl Desk {
    pub(crate) fn settled(&self, _: Nothing) -> Result<SettledView, Failure> {
        let store = self.store();
        let names = self.place_names(&store)?;
        let voices = Voices::of(&store, &names)?;
        let mut cards = Vec::new();
        for (file, field) in store.decided_fields(MOST)? {
            let Some(family) = store.family(file)? else { continue };
            let mut standing = match store.registers(file)?.fields.get(&field) {
                Some(values) => voices.values(&store, values)?,
                None => continue,
            };
            // Several stand: that is an open question, on a card of its own.
            let (Some(mut chosen), true) = (standing.pop(), standing.is_empty()) else { continue };
            let history = store.field_history(file, field)?;
            if let Some(latest) = history.iter().rfind(|filled| chosen.facts.contains(&filled.said.id)) {
                let facts = std::mem::take(&mut chosen.facts);
                chosen = ValueView { facts, ..voices.value(&store, &latest.said, &latest.text, true)? };
            }
            let concerned = concerned(&history);
            let mut aside: Vec<ValueView> = Vec::new();
            for filled in history.iter().filter(|filled| concerned.contains(&filled.said.id)) {
                if filled.text == chosen.text {
                    continue;
                }
                // Whoever wrote it first said it, not who once decided for it.
                match aside.iter_mut().find(|view| view.text == filled.text) {
                    Some(same) => same.facts.push(filled.said.id),
                    None => aside.push(voices.value(&store, &filled.said, &filled.text, true)?),
                }
            }
            aside.reverse();
            if aside.is_empty() {
                continue;
            }
            let first = match history.iter().find(|filled| filled.text == chosen.text) {
                Some(filled) if !chosen.facts.contains(&filled.said.id) => {
                    Some(voices.value(&store, &filled.said, &filled.text, true)?)
                }
                _ => None,
            };
            cards.push(SettledCard {
                household: file,
                borrower: family.borrower,
                village: names.get(family.place.as_str()).cloned().unwrap_or_default(),
                field,
                chosen,
                first,
                aside,
            });
        }
        Ok(SettledView { cards, may_settle: self.role(&store)?.works_cases() })
    }
}

/// The values that a decision between different ones was about, the decision itself, and whatever came in its place.
fn concerned(history: &[Filled]) -> BTreeSet<FactId> {
    let text = |id: &FactId| history.iter().find(|filled| filled.said.id == *id).map(|filled| filled.text.as_str());
    let mut out = BTreeSet::new();
    for filled in history {
        let different: BTreeSet<&str> = filled.over.iter().filter_map(text).collect();
        if different.len() > 1 || filled.over.iter().any(|id| out.contains(id)) {
            out.extend(filled.over.iter().copied());
            out.insert(filled.said.id);
        }
    }
    out
}
