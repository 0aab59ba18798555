//! What staff do at their laptops in a random order: visits, phones, fields, conflicts, letters, receipts, payments,
//! assignments, decisions, erasures. A call that was answered Ok is noted as confirmed, by what was asked; nothing else.

use base64::Engine as _;
use chrono::{NaiveDate, NaiveTime};
use desk::api::{
    AddContact, AssignVillages, Call, CompleteReceipt, CorrectVisit, DecideHeld, EditField, EraseFacts, FileInput,
    FileReceipt, HouseholdAsked, HouseholdView, LettersAsked, Nothing, RecordVisit, Reply, ReportPayment,
    ReportedChannel, SettleConflict, StateContact, VisitForm, VoidLetter, VoidPayment, Which,
};
use desk::failure::Code;
use domain::blob::MOST_PREVIEW;
use domain::ids::{FactId, FileId, PersonId, Sha};
use domain::money::Fen;
use domain::place::PlaceCode;
use domain::words::{
    ContactState, DocKind, HouseholdField, LetterState, Line as Branch, Role, ServiceMode, Source, VisitPurpose,
    VisitResult,
};

use super::faults::Fault;
use super::heard;
use super::truth::What;
use super::world::{Form, Sim};

impl Sim {
    /// Makes a call, twice where the person clicks twice, and notes what was confirmed.
    pub fn make(&mut self, seat: usize, call: &Call) -> Option<Reply> {
        let mut last = None;
        let times = if self.strikes(Fault::DoubleClick) { 2_u32 } else { 1 };
        for turn in 0..times {
            self.ops += turn;
            if let Some(reply) = self.ask(seat, call.clone()) {
                self.note(seat, call, &reply);
                last = Some(reply);
            }
        }
        last
    }

    /// Makes a call that changes nothing, or whose answer is looked at elsewhere.
    pub fn ask(&mut self, seat: usize, call: Call) -> Option<Reply> {
        let desk = self.seats[seat].desk.as_ref().expect("an open desk");
        match desk.handle(call.clone()) {
            Ok((reply, _)) => Some(reply),
            Err(failure) if failure.code == Code::DiskFull => {
                self.say(|| format!("laptop {seat} is told: {}", failure.zh));
                self.disk_was_full(seat);
                None
            }
            Err(failure) => {
                let ours =
                    matches!(failure.code, Code::Internal | Code::HomeDamaged | Code::DiskBroken | Code::DiskReadOnly);
                assert!(!ours, "I0 laptop {seat}: {:?} of {call:?}", failure.code);
                self.say(|| format!("laptop {seat} is refused: {}", failure.zh));
                None
            }
        }
    }

    fn note(&mut self, seat: usize, call: &Call, reply: &Reply) {
        let one = |kind: &str, file: FileId, mark: String| What { kind: kind.to_owned(), file, mark };
        let mut said = Vec::new();
        match (call, reply) {
            (Call::EditField(with), Reply::EditField(_)) => {
                let what = one("FieldFilled", with.household, with.text.clone());
                self.confirm_shown(seat, what, heard::showed(with.shown.as_ref()));
            }
            (Call::SettleConflict(with), Reply::SettleConflict(_)) => {
                let what = one("FieldFilled", with.household, with.text.clone());
                self.confirm_shown(seat, what, heard::showed(Some(&with.shown)));
            }
            (Call::AddContact(with), Reply::AddContact(_)) => {
                said.push(one("ContactAdded", with.household, with.number.clone()));
            }
            (Call::StateContact(with), Reply::StateContact(_)) => {
                let on = with.on.expect("a day was given");
                let mark = format!("{} {} {on}", with.number, with.state.code());
                said.push(one("ContactStated", with.household, mark));
            }
            (Call::RecordVisit(RecordVisit { household, visit }), Reply::RecordVisit(_)) => {
                said.push(one("VisitMade", *household, format!("{} {}", visit.on, visit.arrived)));
                said.push(one("VisitNoted", *household, visit.note.clone().unwrap_or_default()));
            }
            (Call::ReportPayment(with), Reply::ReportPayment(_)) => {
                said.push(one("PaymentReported", with.household, with.reference.clone()));
            }
            (Call::PrintLetters(_), Reply::PrintLetters(run)) => {
                for row in &run.letters {
                    said.push(one("LetterPrinted", row.household, row.doc_no.clone()));
                }
            }
            (Call::AssignVillages(with), Reply::AssignVillages(done)) => {
                if let ([village], 1, Some(line)) = (with.villages.as_slice(), done.changed, with.line) {
                    let mark = format!("{village} {} {}", line.code(), with.person);
                    said.push(one("VillageAssigned", FileId::village(village), mark));
                }
            }
            // In whose file a decision stands is the desk's to know.
            (Call::DecideHeld(_), _) => {}
            _ => {}
        }
        for what in said {
            self.say(|| format!("laptop {seat}: {} {} {}", what.kind, what.file, what.mark));
            self.confirm(seat, what);
        }
    }

    /// The day that a laptop takes for today.
    fn today(&mut self, seat: usize) -> NaiveDate {
        match self.ask(seat, Call::About(Nothing {})) {
            Some(Reply::About(about)) => about.now.get(..10).and_then(|day| day.parse().ok()).expect("a day"),
            _ => panic!("I0 a desk that does not know itself"),
        }
    }

    fn household(&mut self, seat: usize, file: FileId) -> Option<HouseholdView> {
        match self.ask(seat, Call::Household(HouseholdAsked { household: file })) {
            Some(Reply::Household(view)) => Some(*Box::new(view)),
            _ => None,
        }
    }

    fn some_family(&mut self, seat: usize) -> FileId {
        if self.seats[seat].files.is_empty() || self.chance.percent(3) {
            *self.chance.one(&self.families)
        } else {
            *self.chance.one(&self.seats[seat].files)
        }
    }

    fn visit(&mut self, seat: usize) -> VisitForm {
        let today = self.today(seat);
        let number = self.next();
        let seconds = u32::try_from(number % 40_000).expect("small");
        VisitForm {
            on: today.pred_opt().expect("yesterday"),
            arrived: NaiveTime::from_num_seconds_from_midnight_opt(8 * 3600 + 60 + seconds, 0).expect("a time"),
            left: None,
            purpose: VisitPurpose::CheckDetails,
            result: *self.chance.one(&[VisitResult::MetBorrower, VisitResult::NotMet, VisitResult::Moved]),
            met_name: None,
            met_relation: None,
            only_children: false,
            situations: Vec::new(),
            pledged_on: None,
            letters: Vec::new(),
            team: Vec::new(),
            next_step: None,
            next_on: None,
            note: Some(format!("第{number}次")),
            odd_hour_reason: None,
        }
    }

    /// One turn of whoever sits at a laptop.
    pub fn turn(&mut self, seat: usize) {
        self.ops += 1;
        let file = self.some_family(seat);
        let field = *self.chance.one(HouseholdField::ALL);
        match self.chance.below(100) {
            0..=17 => {
                let visit = self.visit(seat);
                self.make(seat, &Call::RecordVisit(RecordVisit { household: file, visit }));
            }
            18..=21 => self.correct(seat, file),
            22..=29 => {
                let number = format!("139{:08}", self.next());
                let source = *self.chance.one(&[Source::Family, Source::Village, Source::Neighbour]);
                let with = AddContact { household: file, number, relation: None, source, note: None };
                self.make(seat, &Call::AddContact(with));
            }
            30..=35 => self.state(seat, file),
            36..=47 => {
                // A form is opened and stands open for a while.
                if let Some(view) = self.household(seat, file) {
                    let shown = view.fields.into_iter().find(|one| one.field == field);
                    let shown = shown.into_iter().flat_map(|one| one.values).flat_map(|value| value.facts).collect();
                    self.seats[seat].forms.push(Form { file, field, shown });
                    if self.seats[seat].forms.len() > 6 {
                        self.seats[seat].forms.remove(0);
                    }
                }
            }
            48..=63 => {
                let forms = self.seats[seat].forms.len();
                let form = if forms > 0 && self.chance.percent(80) {
                    let at = self.chance.below(forms);
                    let form = self.seats[seat].forms.remove(at);
                    (form.file, form.field, Some(form.shown))
                } else {
                    (file, field, None)
                };
                // Few words, so that two people also say the same.
                let text =
                    if self.chance.percent(15) { "村西头".to_owned() } else { format!("第{}家", self.next()) };
                let (household, field, shown) = form;
                self.make(seat, &Call::EditField(EditField { household, field, text, shown }));
            }
            64..=69 => self.settle(seat),
            70..=71 => {
                let with = LettersAsked {
                    which: Which::Households(vec![file]),
                    kinds: Vec::new(),
                    reason: Some("补印".to_owned()),
                    black: true,
                };
                self.make(seat, &Call::PrintLetters(with));
            }
            72..=77 => self.paper(seat, file),
            78..=86 => self.pay(seat, file),
            87..=93 => self.give_out(seat),
            _ => self.decide(seat, file),
        }
    }

    fn correct(&mut self, seat: usize, file: FileId) {
        let Some(view) = self.household(seat, file) else { return };
        let Some(visit) = view.visits.first().map(|row| row.visit) else { return };
        let form = self.visit(seat);
        let with = CorrectVisit { visit, form: form.clone(), reason: "写错了".to_owned() };
        if self.ask(seat, Call::CorrectVisit(with)).is_some() {
            let made = format!("{} {}", form.on, form.arrived);
            self.confirm(seat, What { kind: "VisitMade".to_owned(), file, mark: made });
            let noted = form.note.unwrap_or_default();
            self.confirm(seat, What { kind: "VisitNoted".to_owned(), file, mark: noted });
        }
    }

    fn state(&mut self, seat: usize, file: FileId) {
        let Some(view) = self.household(seat, file) else { return };
        let Some(number) = view.contacts.first().map(|contact| contact.number.clone()) else { return };
        let on = self.today(seat);
        let state = *self.chance.one(&[ContactState::Confirmed, ContactState::NoAnswer, ContactState::WrongPerson]);
        self.make(seat, &Call::StateContact(StateContact { household: file, number, state, on: Some(on) }));
    }

    fn settle(&mut self, seat: usize) {
        let Some(Reply::Conflicts(cards)) = self.ask(seat, Call::Conflicts(Nothing {})) else { return };
        if cards.cards.is_empty() {
            return;
        }
        let card = self.chance.one(&cards.cards).clone();
        let text = self.chance.one(&card.values).text.clone();
        let shown: Vec<FactId> = card.values.iter().flat_map(|value| value.facts.clone()).collect();
        let with = SettleConflict { household: card.household, field: card.field, text, shown };
        self.make(seat, &Call::SettleConflict(with));
    }

    fn paper(&mut self, seat: usize, file: FileId) {
        let Some(view) = self.household(seat, file) else { return };
        let receipts: Vec<_> = view
            .letters
            .iter()
            .filter(|row| row.kind == DocKind::ServiceReceipt && row.state != LetterState::Void)
            .collect();
        let Some(row) = receipts.first() else { return };
        let number = self.next();
        let receipt = row.doc_no.clone();
        if self.chance.percent(15) {
            let reason = format!("作废{number}");
            let with = VoidLetter { doc_no: receipt, household: Some(file), reason: reason.clone() };
            if self.ask(seat, Call::VoidLetter(with)).is_some() {
                self.confirm(seat, What { kind: "LetterVoided".to_owned(), file, mark: reason });
            }
            return;
        }
        // One in three is a photo that is large enough for a preview; all of them look alike.
        let mut photo = b"%PDF-1.4 ".to_vec();
        if number.is_multiple_of(3) {
            photo = crate::picture(3, image::ImageFormat::Jpeg);
            photo.resize(usize::try_from(MOST_PREVIEW).expect("a size") + 1_000, 0);
        }
        photo.extend_from_slice(&number.to_le_bytes());
        let input =
            FileInput::Bytes { name: "p".to_owned(), base64: base64::engine::general_purpose::STANDARD.encode(&photo) };
        let with = FileReceipt { receipt_no: receipt.clone(), household: Some(file), file: input };
        if self.ask(seat, Call::FileReceipt(with)).is_some() {
            let mark = Sha::of(&photo).to_string();
            self.say(|| format!("laptop {seat}: ReceiptFiled {file} {mark}"));
            self.confirm(seat, What { kind: "ReceiptFiled".to_owned(), file, mark });
        }
        let server = format!("送达人{number}");
        let with = CompleteReceipt {
            receipt_no: receipt,
            household: Some(file),
            mode: ServiceMode::Direct,
            served_on: row.printed_on,
            served_at: None,
            servers: vec![server.clone()],
            signed: true,
            fingerprinted: false,
            dated_by_hand: true,
            proxy: None,
            witnesses: Vec::new(),
            refusal_reason: None,
            home_confirmed: true,
            filmed: false,
            post_no: None,
            post_delivered: false,
            consent: None,
            arrival_proof: false,
            date_confirmed: true,
        };
        if self.ask(seat, Call::CompleteReceipt(with)).is_some() {
            self.confirm(seat, What { kind: "ReceiptCompleted".to_owned(), file, mark: server });
        }
    }

    fn pay(&mut self, seat: usize, file: FileId) {
        if self.chance.percent(75) {
            let on = self.today(seat);
            let amount = Fen::new(i64::try_from(1 + self.chance.below(9_000)).expect("small"));
            let with = ReportPayment {
                household: file,
                channel: ReportedChannel::Pos,
                amount,
                on,
                at: None,
                reference: format!("{:012}", self.next()),
                terminal: None,
                card_tail: None,
                payer: None,
            };
            self.make(seat, &Call::ReportPayment(with));
            return;
        }
        let Some(view) = self.household(seat, file) else { return };
        let Some(payment) = view.payments.first().map(|row| row.payment) else { return };
        let reason = format!("重复{}", self.next());
        if self.ask(seat, Call::VoidPayment(VoidPayment { payment, reason: reason.clone() })).is_some() {
            self.confirm(seat, What { kind: "PaymentVoided".to_owned(), file, mark: reason });
        }
    }

    /// A village changes hands.
    pub fn assign(&mut self, seat: usize, village: PlaceCode, person: PersonId) {
        let role = self.seats.iter().find(|one| one.person == person).map(|one| one.role);
        let line = role.and_then(Role::line).unwrap_or(Branch::Education);
        let with = AssignVillages { villages: vec![village], line: Some(line), person };
        self.make(seat, &Call::AssignVillages(with));
    }

    fn give_out(&mut self, seat: usize) {
        let village = self.chance.one(&self.villages).clone();
        let branch = *self.chance.one(&[Branch::Government, Branch::Education]);
        let person = self.somebody_of(branch);
        self.assign(seat, village, person);
    }

    /// The head decides on what is held, or erases something; others look at what is held of theirs.
    fn decide(&mut self, seat: usize, file: FileId) {
        let head = self.seats[seat].role == Role::CentreHead;
        if !head || self.chance.percent(60) {
            let Some(Reply::HeldFacts(held)) = self.ask(seat, Call::HeldFacts(Nothing {})) else { return };
            let facts: Vec<FactId> = held.rows.iter().map(|row| row.fact).take(1 + self.chance.below(4)).collect();
            if !facts.is_empty() {
                let accept = self.chance.percent(60);
                let with = DecideHeld { facts: facts.clone(), accept, reason: format!("决定{}", self.next()) };
                if self.ask(seat, Call::DecideHeld(with)).is_some() {
                    // How many facts that makes is the desk's to know.
                    self.seats[seat].only_here = None;
                    self.say(|| format!("laptop {seat} decides on {facts:?}: {accept}"));
                }
            }
            return;
        }
        let Some(view) = self.household(seat, file) else { return };
        let mut targets: Vec<(FactId, What)> = Vec::new();
        for field in &view.fields {
            for value in &field.values {
                let what = What { kind: "FieldFilled".to_owned(), file, mark: value.text.clone() };
                targets.extend(value.facts.iter().map(|fact| (*fact, what.clone())));
            }
        }
        for row in &view.visits {
            let mark = format!("{} {}", row.on, row.arrived);
            targets.push((row.visit, What { kind: "VisitMade".to_owned(), file, mark }));
        }
        for row in &view.payments {
            let what = What { kind: "PaymentReported".to_owned(), file, mark: row.reference.clone() };
            targets.push((row.payment, what));
        }
        if targets.is_empty() {
            return;
        }
        let (fact, what) = self.chance.one(&targets).clone();
        let reason = format!("删除{}", self.next());
        if self.ask(seat, Call::EraseFacts(EraseFacts { facts: vec![fact], reason: reason.clone() })).is_some() {
            self.say(|| format!("laptop {seat} erases {fact} {what:?}"));
            self.erased.push(what);
            self.confirm(seat, What { kind: "Erased".to_owned(), file, mark: reason });
        }
    }
}
