//! Visits: kept by the rules of `domain::visit`, corrected by a new one, read by both lines each in its measure.

use domain::event::Event;
use domain::ids::{FactId, FileId};
use domain::visit::{VisitFault, VisitMade, VisitNoted, check, odd_hour, sentence};
use domain::words::Section;
use store::{Store, Visit};

use crate::Desk;
use crate::api::{CorrectVisit, RecordVisit, Remark, VisitForm, VisitRow, VisitSaved, VisitsAsked, VisitsView};
use crate::failure::{Code, Failure};

/// A fault of the form in words.
fn worded(fault: VisitFault) -> Failure {
    let (zh, en) = match fault {
        VisitFault::Future => {
            ("走访时间还没到，请核对日期和时间。", "The visit lies in the future; check day and time.")
        }
        VisitFault::LeftBeforeArrival => ("离开的时间早于到达的时间。", "Left before arriving."),
        VisitFault::OddHour => (
            "晚上10点到早上8点不上门。确有原因请写明。",
            "No visits between 22:00 and 08:00; give the reason if there was one.",
        ),
        VisitFault::OnlyChildren => (
            "家里只有孩子时要马上离开，不算见到人，也不能把信留给孩子。",
            "With only children at home leave at once: nobody was met and nothing is left.",
        ),
        VisitFault::MetWho => ("见到家属要写明是谁、和学生什么关系。", "Say who of the family was met."),
        VisitFault::LetterToNobody => {
            ("没有见到人，信不能算交到。请把信带回来。", "Nobody was met, so no letter was handed over; bring it back.")
        }
        VisitFault::PledgeDay => {
            ("勾了“承诺还款”要写答应的日子，写了日子要勾选。", "A promise needs its day, and a day needs the tick.")
        }
        VisitFault::NoteTooLong => ("备注最多100个字。", "A note has 100 characters at most."),
        VisitFault::Threat => ("备注里有吓唬人的话，不能记。只写事实。", "The note threatens; write facts only."),
    };
    Failure::new(Code::VisitRule, &[("why", zh), ("why_en", en)]).at(&format!("visit.{}", fault.field()))
}

/// The form as the two facts it becomes.
fn split(form: &VisitForm, correction: Option<String>) -> (VisitMade, VisitNoted) {
    let made = VisitMade {
        on: form.on,
        arrived: form.arrived,
        left: form.left,
        purpose: form.purpose,
        result: form.result,
        letters: form.letters.clone(),
        pledged_on: form.pledged_on,
        correction,
    };
    let noted = VisitNoted {
        visit: None,
        met_name: form.met_name.clone(),
        met_relation: form.met_relation.clone(),
        only_children: form.only_children,
        situations: form.situations.clone(),
        team: form.team.clone(),
        next_step: form.next_step.clone(),
        next_on: form.next_on,
        note: form.note.clone(),
        odd_hour_reason: form.odd_hour_reason.clone(),
    };
    (made, noted)
}

fn join(made: &VisitMade, noted: &VisitNoted) -> VisitForm {
    VisitForm {
        on: made.on,
        arrived: made.arrived,
        left: made.left,
        purpose: made.purpose,
        result: made.result,
        met_name: noted.met_name.clone(),
        met_relation: noted.met_relation.clone(),
        only_children: noted.only_children,
        situations: noted.situations.clone(),
        pledged_on: made.pledged_on,
        letters: made.letters.clone(),
        team: noted.team.clone(),
        next_step: noted.next_step.clone(),
        next_on: noted.next_on,
        note: noted.note.clone(),
        odd_hour_reason: noted.odd_hour_reason.clone(),
    }
}

impl Desk {
    pub(crate) fn record_visit(&self, with: RecordVisit) -> Result<VisitSaved, Failure> {
        self.keep_visit(with.household, &with.visit, None, Vec::new())
    }

    pub(crate) fn correct_visit(&self, with: CorrectVisit) -> Result<VisitSaved, Failure> {
        let reason = with.reason.trim();
        if reason.is_empty() {
            return Err(Failure::new(Code::EmptyText, &[]).at("reason"));
        }
        let not_found = || Failure::new(Code::NotFound, &[("what", "这次走访")]).at("visit");
        let (household, replaces) = {
            let store = self.store();
            let (_, file, kind) = store.fact(with.visit)?.ok_or_else(not_found)?;
            if kind != "VisitMade" {
                return Err(not_found());
            }
            if store.is_replaced(with.visit)? {
                return Err(Failure::new(Code::AlreadyReplaced, &[]).at("visit"));
            }
            let old = store.visits(Some(file), None)?.into_iter().find(|visit| visit.said.id == with.visit);
            let old = old.ok_or_else(not_found)?;
            if old.said.author != self.identity.person {
                self.may(&store, |role| role.sees_all(), "更正别人的走访")?;
            }
            let mut replaces = vec![with.visit];
            replaces.extend(old.noted.map(|(id, _)| id));
            (file, replaces)
        };
        self.keep_visit(household, &with.form, Some(reason.to_owned()), replaces)
            // The same rules, under the name that the correction gives the form.
            .map_err(|failure| match failure.field.clone() {
                Some(field) => failure.at(&field.replacen("visit.", "form.", 1)),
                None => failure,
            })
    }

    fn keep_visit(
        &self,
        household: FileId,
        form: &VisitForm,
        correction: Option<String>,
        replaces: Vec<FactId>,
    ) -> Result<VisitSaved, Failure> {
        let mut store = self.store();
        let role = self.may(&store, |role| role.works_cases(), "记走访")?;
        let family = store.family(household)?.ok_or_else(|| Failure::new(Code::NoHousehold, &[]).at("household"))?;
        let present = self.present_of(&store)?;
        let (made, mut noted) = split(form, correction);
        if let Some(fault) = check(&made, &noted, present.today, present.time).first() {
            return Err(worded(*fault));
        }
        self.check_letters(&store, household, &made)?;
        let mut remarks = Vec::new();
        if odd_hour(made.arrived) {
            remarks.push(remark(
                "ODD_HOUR",
                "这次走访在晚上10点到早上8点之间，已标出。",
                "This visit lies between 22:00 and 08:00 and is flagged.",
            ));
        }
        if family.reported.get() > 0 && made.result.met() {
            remarks.push(remark(
                "REPORTED_PAID",
                "这一户已报还款，等银行入账，不必再催。",
                "This family has reported its payment; wait for the bank.",
            ));
        }
        let own = role.line().map_or(Section::Core, Section::of_line);
        let (visit, facts) = self.write(&mut store, |pen| {
            let made_event = Event::VisitMade(made.clone());
            let replaced = replaces.clone();
            let visit =
                pen.record(household, Section::Core, &made_event, replaced.first().copied().into_iter().collect())?;
            noted.visit = Some(visit);
            let noted_event = Event::VisitNoted(noted.clone());
            pen.record(household, own, &noted_event, replaced.get(1).copied().into_iter().collect())?;
            Ok(visit)
        })?;
        Ok(VisitSaved { visit, facts, sentence: sentence(&made, Some(&noted)), remarks })
    }

    /// Letters named in a visit must be this family's own, printed and not void.
    fn check_letters(&self, store: &Store, household: FileId, made: &VisitMade) -> Result<(), Failure> {
        if made.letters.is_empty() {
            return Ok(());
        }
        let own = store.letters(Some(household), None)?;
        for doc_no in &made.letters {
            match own.iter().find(|letter| letter.letter.doc.to_string() == *doc_no) {
                None => return Err(Failure::new(Code::NotFound, &[("what", doc_no)]).at("visit.letters")),
                Some(letter) if letter.voided => {
                    return Err(Failure::new(Code::LetterVoid, &[("doc_no", doc_no)]).at("visit.letters"));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    pub(crate) fn visits(&self, with: VisitsAsked) -> Result<VisitsView, Failure> {
        let store = self.store();
        let limit = match with.limit {
            0 => 100,
            some => some.min(500),
        };
        let mut visits = store.visits(None, with.on)?;
        if with.mine {
            visits.retain(|visit| visit.said.author == self.identity.person);
        }
        let total = u32::try_from(visits.len()).unwrap_or(u32::MAX);
        visits.truncate(usize::try_from(limit).unwrap_or(500));
        let visits = self.visit_rows(&store, visits)?;
        Ok(VisitsView { total, visits })
    }

    pub(crate) fn visit_rows(&self, store: &Store, visits: Vec<Visit>) -> Result<Vec<VisitRow>, Failure> {
        let people = store.people()?;
        let places = self.place_names(store)?;
        let mut rows = Vec::with_capacity(visits.len());
        for visit in visits {
            let family = store.family(visit.file)?;
            let noted = visit.noted.as_ref().map(|(_, noted)| noted);
            rows.push(VisitRow {
                visit: visit.said.id,
                household: visit.file,
                borrower: family.as_ref().map_or_else(String::new, |family| family.borrower.clone()),
                village: family
                    .as_ref()
                    .and_then(|family| places.get(family.place.as_str()).cloned())
                    .unwrap_or_default(),
                on: visit.made.on,
                arrived: visit.made.arrived,
                purpose: visit.made.purpose,
                result: visit.made.result,
                person: visit.said.author.clone(),
                name: Self::name_of(&people, &visit.said.author),
                sentence: sentence(&visit.made, noted),
                form: noted.map(|noted| join(&visit.made, noted)),
                corrected: visit.made.correction.is_some(),
                odd_hour: odd_hour(visit.made.arrived),
                recorded_at: visit.said.at.rfc3339(),
                only_here: visit.said.only_here,
            });
        }
        Ok(rows)
    }
}

pub(crate) fn remark(code: &str, zh: &str, en: &str) -> Remark {
    Remark { code: code.to_owned(), zh: zh.to_owned(), en: en.to_owned() }
}
