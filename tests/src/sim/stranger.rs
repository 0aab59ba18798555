//! A laptop of another make: a later version with kinds that nobody here knows and keys that known kinds do not have yet,
//! and an encoder of its own that writes every body raw. What it seals is right by ARCHITECTURE.md §5, so it must be taken,
//! kept and passed on as it is. It never uses the product's own sealing.

use county::Invite;
use domain::clock::Millis;
use domain::enrol::{EnrolAsk, proof_bytes};
use domain::exchange::{Message as _, Push};
use domain::fact::{Fact, Salt, seal};
use domain::ids::{DeviceId, FactId, JournalId, PersonId, Sha, hex};
use domain::wire::Writer;
use domain::words::{Role, Section};
use domain::{Signer, SigningKey};

use super::truth::Ledger;
use super::world::Sim;

/// The stranger.
pub struct Stranger {
    person: PersonId,
    device: DeviceId,
    key: SigningKey,
    journal: JournalId,
    /// Batches so far, each of one fact, and the hash of the last one's seal.
    batches: u64,
    previous: Sha,
    /// What it said and the county took.
    said: Vec<Fact>,
    /// It has nothing more to say.
    silent: bool,
}

/// A batch of one fact with its body raw, and the hash of its seal.
fn sealed(fact: &Fact, batch: u64, previous: Sha, seed: &Salt, key: &SigningKey) -> (Vec<u8>, Sha) {
    // A kind's number is the one thing that is asked of the product: its table is long and frozen.
    let known = seal(std::slice::from_ref(fact), None, 0, seed, key).expect("a batch");
    let written = known.rows()[0].1.written();
    let number: u8 = written.split(':').next().and_then(|text| text.parse().ok()).expect("a number");
    let name = |w: &mut Writer| {
        if number == 0 {
            w.bytes(fact.kind.as_bytes());
        }
    };
    let author = fact.author.as_str().as_bytes();
    let mut leaf = Writer::new();
    leaf.u8(0).raw(seed).bytes(author).u8(0).raw(&fact.file.0).span(0).u8(number);
    name(&mut leaf);
    leaf.count(0).u8(2).bytes(&fact.body).bytes(&[]);
    let root = Sha::of(&leaf.done());
    let mut signed = Writer::new();
    signed.raw(b"ruhu.seal.1\0").u8(1).raw(&fact.id.journal.0).u64(batch).raw(&previous.0);
    signed.u64(fact.id.seq).u32(1).u64(0).i64(fact.wall.0).raw(&root.0);
    let signed = signed.done();
    let signature = key.sign(&signed).to_bytes();
    let mut w = Writer::new();
    w.u8(1).raw(&fact.id.journal.0).varint(batch);
    if batch > 1 {
        w.raw(&previous.0);
    }
    w.varint(fact.id.seq).varint(1).varint(0).span(fact.wall.0).raw(&signature);
    // The tree: all of it open. The row: another file, another length and more; more: another author, form 2.
    w.u8(1).raw(seed).varint(u64::from(number) << 4 | 1 | 4 | 8).u8(1 | 2 << 3);
    name(&mut w);
    w.bytes(author).raw(&fact.file.0).varint(0).count(fact.body.len() * 2).raw(&fact.body);
    (w.joined(), Sha::of(&[signed, signature.to_vec()].concat()))
}

impl Stranger {
    /// What it said and the county took.
    pub fn said(&self) -> &[Fact] {
        &self.said
    }

    /// Joins the county of a world, at the centre or in the field.
    pub fn joins(sim: &mut Sim) -> Self {
        let role = if sim.chance.percent(60) { Role::CentreOperator } else { Role::SchoolDirector };
        let person: PersonId = "stranger".parse().expect("an account");
        let key = SigningKey::from_bytes(&sim.fresh());
        let journal = JournalId(sim.fresh());
        let invite = Invite {
            account: person.clone(),
            name: "别家的软件".to_owned(),
            role,
            areas: Vec::new(),
            address: "https://county.test".to_owned(),
            days: 30,
            words: false,
            undertaking: None,
        };
        let certificate = Sha(sim.fresh());
        let wire = sim.wire();
        let invited = wire.county().invite(&invite).expect("an invitation");
        let ask = EnrolAsk {
            token: hex(&invited.code.token),
            key: hex(key.verifying_key().as_bytes()),
            journal,
            proof: hex(&key.sign(&proof_bytes(&invited.code.token, journal)).to_bytes()),
            practice: true,
            bundle_key: None,
        };
        wire.county().enrol(certificate, &ask).expect("enrolled");
        drop(wire);
        let device = DeviceId::of_key(key.verifying_key().as_bytes());
        Self { person, device, key, journal, batches: 0, previous: Sha([0; 32]), said: Vec::new(), silent: false }
    }
}

impl Sim {
    /// The stranger says something and pushes it over a line that never breaks.
    pub fn stranger_speaks(&mut self) {
        let Some(mut stranger) = self.stranger.take_if(|stranger| !stranger.silent) else { return };
        let number = self.next();
        let (kind, body) = if self.chance.percent(50) {
            ("RoofMended", format!("{{ \"tiles\": {number}, \"by\": \"泥瓦匠\" }}"))
        } else {
            (
                "FieldFilled",
                format!("{{ \"text\": \"别处写的{number}\", \"field\": \"WHEREABOUTS\", \"since\": 2027 }}"),
            )
        };
        let file = *self.chance.one(&self.families);
        let seed: Salt = self.fresh();
        let wall = Millis(self.wire().clocks.now() / 1_000 * 1_000);
        let batch = stranger.batches + 1;
        let fact = Fact {
            id: FactId { journal: stranger.journal, seq: batch },
            file,
            section: Section::Core,
            wall,
            author: stranger.person.clone(),
            kind: kind.to_owned(),
            replaces: Vec::new(),
            body: body.into_bytes(),
        };
        let (bytes, hash) = sealed(&fact, batch, stranger.previous, &seed, &stranger.key);
        let push = Push { wall, offset: Some(0), batches: vec![bytes], fragments: Vec::new() };
        let answer = self.wire().arrive(stranger.device, &push.bytes());
        match answer {
            // A county that was put back may lack the one before it, and nobody has that any more: this one waits for ever.
            Ok(acks) if acks.acks.is_empty() && self.county_restored => stranger.silent = true,
            Ok(acks) => {
                assert_eq!(acks.acks.len(), 1, "I8 the stranger's batch has no place");
                (stranger.batches, stranger.previous) = (batch, hash);
                self.say(|| format!("the stranger says {} {}", fact.kind, fact.id));
                stranger.said.push(fact);
            }
            // A county that was put back may not know it any more.
            Err(refusal) => assert!(self.county_restored, "I6 what the stranger sealed well is refused: {refusal:?}"),
        }
        self.stranger = Some(stranger);
    }

    /// What the stranger said is at the county byte for byte, unless it was erased.
    pub fn stranger_is_heard(&self, ledger: &Ledger) {
        let Some(stranger) = self.stranger.as_ref().filter(|_| !self.county_restored) else { return };
        let erased = ledger.erased();
        for fact in stranger.said.iter().filter(|fact| !erased.contains(&fact.id)) {
            let there = ledger.facts.get(&fact.id).map(|logged| &logged.fact);
            assert_eq!(there, Some(fact), "I1 what the stranger said is not at the county as it was said");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::fact::Batch;
    use domain::ids::FileId;

    #[test]
    fn what_the_stranger_seals_is_right() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let fact = |seq: u64, kind: &str, body: &str| Fact {
            id: FactId { journal: JournalId([3; 8]), seq },
            file: FileId([5; 8]),
            section: Section::Core,
            wall: Millis(1_000),
            author: "stranger".parse().expect("an account"),
            kind: kind.to_owned(),
            replaces: Vec::new(),
            body: body.as_bytes().to_vec(),
        };
        let first = fact(1, "RoofMended", "{ }");
        let (bytes, hash) = sealed(&first, 1, Sha([0; 32]), &[1; 16], &key);
        let batch = Batch::parse(&bytes).expect("a batch");
        assert_eq!(batch.verify(&key.verifying_key()).expect("its seal")[0].fact, first);
        assert_eq!(batch.seal.hash(), hash);
        assert_eq!(batch.bytes(), bytes);
        let second = fact(2, "FieldFilled", "{ \"text\": \"a\", \"field\": \"WHEREABOUTS\" }");
        let (bytes, _) = sealed(&second, 2, hash, &[2; 16], &key);
        let batch = Batch::parse(&bytes).expect("a batch");
        assert_eq!(batch.verify(&key.verifying_key()).expect("its seal")[0].fact, second);
        assert!(batch.rows()[0].1.written().split(':').nth(2) == Some("2"));
    }
}
