//! Payments whose slip was seen: reported, taken back. What counts as paid is the bank's to say, never this module's.

use domain::due::status;
use domain::event::Event;
use domain::payment::{PaymentFault, PaymentReported, PaymentVoided, check};
use domain::words::{PayChannel, Section};
use forms::{PaymentFacts, Sheet};

use crate::Desk;
use crate::api::{PaymentSaved, PaymentSlip, PaymentSlipAsked, ReportPayment, ReportedChannel, Saved, VoidPayment};
use crate::contacts::tidy;
use crate::failure::{Code, Failure};
use crate::households::known;
use crate::letters::{PDF, blob_view};
use crate::visits::remark;

fn worded(fault: PaymentFault) -> Failure {
    let (zh, en) = match fault {
        PaymentFault::Amount => ("金额要大于零。", "The amount must be above zero."),
        PaymentFault::Reference => {
            ("请填签购单上的参考号（最多40个字）。", "Give the slip's reference number, 40 characters at most.")
        }
        PaymentFault::CardTail => ("银行卡只填最后四位数字。", "Give the card's last four digits only."),
        PaymentFault::Future => ("日期还没到，请核对。", "The day lies in the future."),
    };
    Failure::new(Code::PaymentRule, &[("why", zh), ("why_en", en)]).at(fault.field())
}

impl Desk {
    pub(crate) fn report_payment(&self, with: ReportPayment) -> Result<PaymentSaved, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role.works_cases(), "登记还款")?;
        let family = self.family_here(&store, with.household)?;
        let today = self.present_of(&store)?.today;
        let channel = match with.channel {
            ReportedChannel::Pos => PayChannel::Pos,
            ReportedChannel::Alipay => PayChannel::Alipay,
            ReportedChannel::BankApp => PayChannel::BankApp,
            ReportedChannel::UnionpayApp => PayChannel::UnionpayApp,
            // Told why by itself: somebody may stand at a door with the money in the hand.
            ReportedChannel::Cash => return Err(Failure::new(Code::CashRefused, &[]).at("channel")),
        };
        let report = PaymentReported {
            channel,
            amount: with.amount,
            on: with.on,
            at: with.at,
            reference: with.reference.trim().to_owned(),
            terminal: tidy(with.terminal.as_deref(), 20, "terminal")?,
            card_tail: with.card_tail.clone(),
            payer: tidy(with.payer.as_deref(), 50, "payer")?,
        };
        if let Some(fault) = check(&report, today).first() {
            return Err(worded(*fault));
        }
        let twice = store.payments(with.household)?.iter().any(|(_, old)| old.reference == report.reference);
        let mut remarks = Vec::new();
        if twice {
            remarks.push(remark(
                "SAME_REFERENCE",
                "这个参考号已经登记过，请看看是不是重复了。",
                "This reference is reported already; check for a repeat.",
            ));
        }
        let sum = family.reported.get().saturating_add(report.amount.get());
        if sum > family.total_due.get() {
            remarks.push(remark(
                "MORE_THAN_DUE",
                "登记的还款比本期应还多，请核对；多的部分以银行处理为准。",
                "More is reported than is due; the bank decides on the rest.",
            ));
        } else if sum < family.total_due.get() {
            remarks.push(remark(
                "LESS_THAN_DUE",
                "登记的还款还不够本期应还，请告诉家里还差多少。",
                "Less is reported than is due; tell the family what is missing.",
            ));
        }
        let event = Event::PaymentReported(report);
        let (payment, _) =
            self.write(&mut store, |pen| Ok(pen.record(with.household, Section::Core, &event, Vec::new())?))?;
        let family = self.family_here(&store, with.household)?;
        Ok(PaymentSaved { payment, status: status(&known(&family), today), remarks })
    }

    /// The acknowledgement of a report, for the family to keep.
    pub(crate) fn payment_slip(&self, with: PaymentSlipAsked) -> Result<PaymentSlip, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role.works_cases() || role.sees_all(), "印还款登记回执")?;
        let family = self.family_here(&store, with.household)?;
        let today = self.present_of(&store)?.today;
        let found = store.payments(with.household)?.into_iter().find(|(said, _)| said.id == with.payment);
        let (said, paid) = found.ok_or_else(|| Failure::new(Code::NotFound, &[("what", "这笔还款")]).at("payment"))?;
        let people = store.people()?;
        let facts = PaymentFacts {
            reference: paid.reference,
            printed_on: today,
            paid_on: paid.on,
            paid_at: paid.at,
            borrower: family.borrower.clone(),
            payer: paid.payer,
            channel: paid.channel.zh().to_owned(),
            amount: paid.amount,
            terminal: paid.terminal,
            card_tail: paid.card_tail,
            staff: Self::name_of(&people, &said.author),
            letterhead: self.letterhead_of(&store, &family, today)?,
        };
        let drawn = self.slip(Sheet::Payment(facts), with.black)?;
        let pdf = blob_view(store.keep_local(PDF, &drawn.pdf)?, &drawn.pdf);
        Ok(PaymentSlip { pdf, pages: drawn.pages })
    }

    pub(crate) fn void_payment(&self, with: VoidPayment) -> Result<Saved, Failure> {
        let mut store = self.store();
        self.may(&store, |role| role.works_cases(), "撤回还款")?;
        let reason =
            tidy(Some(&with.reason), 100, "reason")?.ok_or_else(|| Failure::new(Code::EmptyText, &[]).at("reason"))?;
        let not_found = || Failure::new(Code::NotFound, &[("what", "这笔还款")]).at("payment");
        let (said, file, kind) = store.fact(with.payment)?.ok_or_else(not_found)?;
        if kind != "PaymentReported" {
            return Err(not_found());
        }
        if store.is_replaced(with.payment)? {
            return Err(Failure::new(Code::AlreadyReplaced, &[]).at("payment"));
        }
        if said.author != self.identity.person {
            self.may(&store, |role| role.sees_all(), "撤回别人登记的还款")?;
        }
        self.write_one(&mut store, file, &Event::PaymentVoided(PaymentVoided { reason }), vec![with.payment])
    }
}
