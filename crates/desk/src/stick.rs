//! The desk's side of a stick: bundles to the county, sealed with this device's key, and bundles from the county alone.
//! What stands in them is the exchange's; here nothing is read out of an item, and the store is not locked while the
//! stick is written.

use std::path::Path;

use domain::ids::BundleKey;
use store::bundle::{CHANCE, Direction, Envelope};
use store::stick::{self, Filler, Opened, Written};

use crate::Desk;
use crate::failure::{Code, Failure};
use crate::home;

impl Desk {
    /// What bundles to this desk are sealed to: for greetings.
    pub fn bundle_key(&self) -> BundleKey {
        home::bundle_secret(&self.signing).key()
    }

    /// What bundles to the county are sealed to.
    ///
    /// # Errors
    /// `BundleKeyMissing` in a home that has not heard it yet.
    pub fn county_bundle_key(&self) -> Result<BundleKey, Failure> {
        self.identity.bundle_key.ok_or_else(|| Failure::new(Code::BundleKeyMissing, &[]))
    }

    /// Writes a bundle for the county into a folder on a stick; `fill` puts the items in.
    ///
    /// # Errors
    /// `BundleKeyMissing`, what became of the stick, or whatever `fill` fails with; the folder is then as before.
    pub fn write_bundle(
        &self,
        folder: &Path,
        fill: impl FnOnce(&mut Filler<'_>) -> Result<(), Failure>,
    ) -> Result<Written, Failure> {
        let from = home::bundle_secret(&self.signing);
        let (to, made_on) = (self.county_bundle_key()?, self.present()?.today);
        let envelope = Envelope { from: &from, to, direction: Direction::Up, made_on };
        let chance = self.chance.fresh::<CHANCE>().map_err(home::no_randomness)?;
        stick::write(folder, &envelope, &chance, fill)
    }

    /// Opens a bundle from the county that is sealed to this desk.
    ///
    /// # Errors
    /// `BundleKeyMissing`; what is wrong with the stick or with the bundle.
    pub fn open_bundle(&self, path: &Path) -> Result<Opened, Failure> {
        let county = self.county_bundle_key()?;
        let secret = home::bundle_secret(&self.signing);
        Ok(stick::open(path, &secret, |print| Some(county).filter(|key| key.print() == print))?)
    }
}
