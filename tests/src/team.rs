//! A centre of three who help with forgotten passphrases, and a director with two families whom they may help.

use serde_json::{Value, json};

use crate::seat::{PASSPHRASE, Seat};
use crate::story::NOON;
use crate::world::World;

/// Three at the centre, a director, and the director's families.
pub struct Team {
    /// Where they live.
    pub world: World,
    /// The centre's operator.
    pub op: Seat,
    /// Its head.
    pub head: Seat,
    /// Its auditor.
    pub auditor: Seat,
    /// The school director.
    pub zhou: Seat,
    /// The director's families.
    pub files: Vec<Value>,
}

impl Team {
    /// All have joined; nobody is named yet.
    ///
    /// # Panics
    /// When the world cannot be made.
    pub fn gather() -> Self {
        let world = World::at(NOON);
        let (op, zhou, files, _) = world.village(2);
        let (head, auditor) = (world.join("head", "CENTRE_HEAD"), world.join("shen", "CENTRE_AUDITOR"));
        Self { world, op, head, auditor, zhou, files }
    }

    /// The three.
    pub fn centre(&self) -> [&Seat; 3] {
        [&self.op, &self.head, &self.auditor]
    }

    /// Each of the three hears what the others said.
    pub fn sync(&self) {
        for seat in self.centre().into_iter().chain(self.centre()) {
            seat.sync();
        }
    }

    /// Three offer, two name them, and the director's laptop hears of it.
    pub fn name(&self) {
        for seat in self.centre() {
            seat.ask("OfferOfficer", json!({}));
        }
        self.sync();
        let devices: Vec<Value> = self.centre().map(Seat::device).to_vec();
        for seat in [&self.head, &self.auditor] {
            seat.ask("NameOfficers", json!({ "devices": devices }));
        }
        self.sync();
        self.zhou.sync();
        self.zhou.reopen_now();
    }
}

impl Seat {
    /// This laptop's device.
    pub fn device(&self) -> Value {
        self.ask("About", json!({}))["device"].clone()
    }

    /// Locks the home and opens it again.
    pub fn reopen_now(&self) {
        self.ask("Lock", json!({}));
        self.ask("Unlock", json!({ "passphrase": PASSPHRASE }));
    }
}
