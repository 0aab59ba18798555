//! Forms that were begun and not kept. What stands in them is the ui's own writing: the desk keeps it, offers it again by
//! name and never reads it. Nothing of a draft is a fact, counts anywhere or leaves this laptop.

use store::Draft;

use crate::Desk;
use crate::api::{DraftAsked, DraftRow, DraftView, DraftsView, KeepDraft, Nothing};
use crate::failure::{Code, Failure};

/// Characters of a form's name, at most.
const NAME: usize = 60;
/// Characters of what stands in a form, at most: the longest form with every field full is a tenth of it.
const TEXT: usize = 64 * 1024;

fn named(form: &str) -> Result<(), Failure> {
    if form.is_empty() || form.chars().count() > NAME {
        return Err(Failure::new(Code::TextTooLong, &[("most", &NAME.to_string())]).at("form"));
    }
    Ok(())
}

impl Desk {
    pub(crate) fn keep_draft(&self, with: KeepDraft) -> Result<Nothing, Failure> {
        named(&with.form)?;
        if with.text.chars().count() > TEXT {
            return Err(Failure::new(Code::TextTooLong, &[("most", &TEXT.to_string())]).at("text"));
        }
        let mut store = self.store();
        let draft = Draft { form: with.form, file: with.household, at: self.clock.wall(), text: with.text };
        if store.keep_draft(&draft)? {
            Ok(Nothing {})
        } else {
            Err(Failure::new(Code::NoHousehold, &[]).at("household"))
        }
    }

    pub(crate) fn drafts(&self, _: Nothing) -> Result<DraftsView, Failure> {
        let store = self.store();
        let names = self.place_names(&store)?;
        let offset: i64 = store.meta("offset")?.unwrap_or(0);
        let mut drafts = Vec::new();
        for draft in store.drafts()? {
            let family = match draft.file {
                Some(file) => store.family(file)?,
                None => None,
            };
            let village = family.as_ref().and_then(|family| names.get(family.place.as_str()).cloned());
            drafts.push(DraftRow {
                form: draft.form,
                household: draft.file,
                borrower: family.map(|family| family.borrower),
                village,
                at: self.clock.shown(draft.at, offset).rfc3339(),
            });
        }
        Ok(DraftsView { drafts })
    }

    pub(crate) fn draft(&self, with: DraftAsked) -> Result<DraftView, Failure> {
        let kept = self.store().drafts()?;
        let text = kept.into_iter().find(|draft| draft.form == with.form && draft.file == with.household);
        Ok(DraftView { text: text.map(|draft| draft.text) })
    }

    pub(crate) fn drop_draft(&self, with: DraftAsked) -> Result<Nothing, Failure> {
        self.store().drop_draft(&with.form, with.household)?;
        Ok(Nothing {})
    }
}
