//! Phones and the fields that people fill: added to, confirmed, never overwritten; conflicts decided by a person.

use domain::event::Event;
use domain::household::{ContactAdded, ContactStated, FieldFilled};
use domain::ids::{FactId, FileId};
use domain::phone::{PhoneFinding, PhoneNumber, split_cell};
use domain::visit::THREATS;
use domain::words::{HouseholdField, Section};
use store::Store;

use crate::Desk;
use crate::api::{AddContact, ConflictCard, ConflictsView, EditField, Nothing, Saved, SettleConflict, StateContact};
use crate::failure::{Code, Failure};
use crate::households::field_limit;
use crate::visits::remark;
use crate::voices::Voices;

impl Desk {
    pub(crate) fn add_contact(&self, with: AddContact) -> Result<Saved, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role.works_cases(), "改联系方式")?;
        self.family_here(&store, with.household)?;
        let (number, relation) = one_number(&with.number)?;
        let relation = tidy(with.relation.as_deref(), 20, "relation")?.or(relation);
        let note = tidy(with.note.as_deref(), 100, "note")?;
        let known = store.registers(with.household)?;
        let again = known.contacts.iter().any(|(_, added)| added.number == number)
            || known.listed.iter().flat_map(|listed| &listed.phones).any(|phone| phone.number == number);
        let event = Event::ContactAdded(ContactAdded { number, relation, source: with.source, note });
        let mut saved = self.write_one(&mut store, with.household, &event, Vec::new())?;
        if again {
            saved.remarks.push(remark(
                "NUMBER_KNOWN",
                "这个号码已经有了，又记了一个来源。",
                "This number was there already; it gained a source.",
            ));
        }
        Ok(saved)
    }

    pub(crate) fn state_contact(&self, with: StateContact) -> Result<Saved, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role.works_cases(), "核对电话")?;
        self.family_here(&store, with.household)?;
        let (number, _) = one_number(&with.number)?;
        let known = store.registers(with.household)?;
        let there = known.contacts.iter().any(|(_, added)| added.number == number)
            || known.listed.iter().flat_map(|listed| &listed.phones).any(|phone| phone.number == number);
        if !there {
            return Err(Failure::new(Code::NotFound, &[("what", number.as_str())]).at("number"));
        }
        let today = self.present_of(&store)?.today;
        let on = with.on.unwrap_or(today).min(today);
        let event = Event::ContactStated(ContactStated { number, state: with.state, on });
        self.write_one(&mut store, with.household, &event, Vec::new())
    }

    pub(crate) fn edit_field(&self, with: EditField) -> Result<Saved, Failure> {
        self.fill(with.household, with.field, &with.text, with.shown)
    }

    pub(crate) fn settle_conflict(&self, with: SettleConflict) -> Result<Saved, Failure> {
        if with.shown.is_empty() {
            return Err(Failure::new(Code::EmptyText, &[]).at("shown"));
        }
        self.fill(with.household, with.field, &with.text, Some(with.shown))
    }

    fn fill(
        &self,
        household: FileId,
        field: HouseholdField,
        text: &str,
        shown: Option<Vec<FactId>>,
    ) -> Result<Saved, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role.works_cases(), "改住户信息")?;
        self.family_here(&store, household)?;
        let text = tidy(Some(text), field_limit(field), "text")?
            .ok_or_else(|| Failure::new(Code::EmptyText, &[]).at("text"))?;
        // A form may only replace values of this very field; anything else named is a mistake of the form.
        for id in shown.iter().flatten() {
            let fits = store.fact(*id)?.is_some_and(|(_, file, kind)| file == household && kind == "FieldFilled");
            if !fits {
                return Err(Failure::new(Code::NotFound, &[("what", &id.to_string())]).at("shown"));
            }
        }
        let event = Event::FieldFilled(FieldFilled { field, text });
        let ((), facts) = self.write(&mut store, |pen| {
            let replaces = match shown {
                Some(shown) => shown,
                None => pen.standing(household)?.fields.remove(&field).unwrap_or_default(),
            };
            pen.record(household, Section::Core, &event, replaces)?;
            Ok(())
        })?;
        Ok(Saved { facts, remarks: Vec::new() })
    }

    pub(crate) fn conflicts(&self, _: Nothing) -> Result<ConflictsView, Failure> {
        let store = self.store();
        let names = self.place_names(&store)?;
        let voices = Voices::of(&store, &names)?;
        let mut cards = Vec::new();
        for file in store.conflicted()? {
            let Some(family) = store.family(file)? else { continue };
            for (field, values) in store.registers(file)?.fields {
                let values = voices.values(&store, &values)?;
                if values.len() > 1 {
                    cards.push(ConflictCard {
                        household: file,
                        borrower: family.borrower.clone(),
                        village: names.get(family.place.as_str()).cloned().unwrap_or_default(),
                        field,
                        values,
                    });
                }
            }
        }
        let may_settle = self.role(&store)?.works_cases();
        Ok(ConflictsView { cards, may_settle })
    }

    pub(crate) fn family_here(&self, store: &Store, file: FileId) -> Result<store::Family, Failure> {
        store.family(file)?.ok_or_else(|| Failure::new(Code::NoHousehold, &[]).at("household"))
    }
}

/// The one number that was typed, with a relation in brackets behind it.
fn one_number(typed: &str) -> Result<(PhoneNumber, Option<String>), Failure> {
    let bad = |why: &str| Failure::new(Code::BadPhone, &[("number", typed.trim()), ("why", why)]).at("number");
    let findings = split_cell(typed);
    match findings.as_slice() {
        [] => Err(Failure::new(Code::EmptyText, &[]).at("number")),
        [PhoneFinding { number: Some(number), relation, .. }] => Ok((number.clone(), relation.clone())),
        [PhoneFinding { number: None, fault, .. }] => {
            Err(bad(fault.map_or("不是电话号码", |fault| fault.sentence_zh())))
        }
        [_, _, ..] => Err(bad("一次只填一个号码")),
    }
}

/// A short text, trimmed; empty is none; too long or threatening is refused.
pub(crate) fn tidy(text: Option<&str>, most: usize, field: &str) -> Result<Option<String>, Failure> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > most {
        return Err(Failure::new(Code::TextTooLong, &[("most", &most.to_string())]).at(field));
    }
    if let Some(word) = THREATS.iter().find(|word| text.contains(**word)) {
        return Err(Failure::new(Code::ThreateningWords, &[("word", word)]).at(field));
    }
    Ok(Some(text.to_owned()))
}
