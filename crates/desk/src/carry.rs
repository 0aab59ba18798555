//! Carrying over a line that breaks: a step is repeated while the courier has patience, and a blob goes on at the byte
//! where the other side stands. It must never take a step's first failure for its last, nor a refusal for a broken line.

use domain::blob::{Piece, Stand};
use domain::enrol::Refusal;
use domain::ids::Sha;

use crate::courier::{Courier, CourierFault};

/// Bytes of a blob that are kept at once while more arrive.
const KEPT: usize = 16 * 1024;

/// What a contact is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Greeting the county.
    Greeting,
    /// Sending records.
    Sending,
    /// Receiving records.
    Receiving,
    /// Sending photos and scans.
    PhotosOut,
    /// Receiving photos and scans.
    PhotosIn,
}

/// How far a contact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What it is doing.
    pub stage: Stage,
    /// Done of it: facts while records go, bytes while photos do.
    pub done: u64,
    /// All of it; 0 while that is not known.
    pub total: u64,
}

/// Hears how far a contact is, often: it must be quick and must not call the desk.
pub type Watch<'a> = dyn Fn(Progress) + 'a;

/// One contact's courier with its patience.
pub struct Carrier<'a> {
    courier: &'a dyn Courier,
    watch: &'a Watch<'a>,
    progress: Progress,
    fruitless: u32,
}

impl<'a> Carrier<'a> {
    /// A carrier over `courier`, telling `watch`.
    pub fn new(courier: &'a dyn Courier, watch: &'a Watch<'a>) -> Self {
        Self { courier, watch, progress: Progress { stage: Stage::Greeting, done: 0, total: 0 }, fruitless: 0 }
    }

    /// Most bytes of batches for the next push or page.
    pub fn page(&self) -> usize {
        self.courier.page()
    }

    /// Bytes out and in so far.
    pub fn traffic(&self) -> (u64, u64) {
        self.courier.traffic()
    }

    /// Begins a stage with so much to do, 0 if that is not known.
    pub fn stage(&mut self, stage: Stage, total: u64) {
        self.progress = Progress { stage, done: 0, total };
        (self.watch)(self.progress);
    }

    /// So much more of the stage is done.
    pub fn done(&mut self, more: u64) {
        self.progress.done = self.progress.done.saturating_add(more);
        (self.watch)(self.progress);
    }

    /// Takes a step, again and again while the line breaks. `step` also hears how often it was tried before.
    ///
    /// # Errors
    /// The last [`CourierFault`], when patience ends; any that is not the line's at once.
    pub fn again<T>(
        &mut self,
        mut step: impl FnMut(&dyn Courier, u32) -> Result<T, CourierFault>,
    ) -> Result<T, CourierFault> {
        let mut tried = 0_u32;
        loop {
            match step(self.courier, tried) {
                Ok(done) => {
                    self.fruitless = 0;
                    return Ok(done);
                }
                Err(fault) => self.rest_after(fault, false)?,
            }
            tried = tried.saturating_add(1);
        }
    }

    /// Rests after a fault of the line; every other fault is the end.
    fn rest_after(&mut self, fault: CourierFault, moved: bool) -> Result<(), CourierFault> {
        match fault {
            CourierFault::Broken(_) | CourierFault::Unreachable(_) => {
                self.fruitless = if moved { 0 } else { self.fruitless.saturating_add(1) };
                if self.courier.rest(self.fruitless) { Ok(()) } else { Err(fault) }
            }
            CourierFault::NotTrusted | CourierFault::Refused(_) | CourierFault::Wire(_) | CourierFault::Tls(_) => {
                Err(fault)
            }
        }
    }

    /// Sends a blob, however often the line breaks, each time from the byte where the county stands. What arrived there
    /// counts as done. Returns whether the county had all of it before.
    ///
    /// # Errors
    /// `Refused(WrongBytes)` for a blob that is not what its hash says; else as [`Carrier::again`].
    pub fn send_blob(&mut self, piece: &Piece, whole: &[u8]) -> Result<bool, CourierFault> {
        self.send_from(piece, whole, None)
    }

    /// The same for a small blob that was never sent: where the county stands is not asked first, which costs as long as the
    /// blob itself.
    ///
    /// # Errors
    /// As [`Carrier::send_blob`].
    pub fn send_small(&mut self, piece: &Piece, whole: &[u8]) -> Result<bool, CourierFault> {
        self.send_from(piece, whole, Some(Stand::default()))
    }

    fn send_from(&mut self, piece: &Piece, whole: &[u8], mut known: Option<Stand>) -> Result<bool, CourierFault> {
        let mut safe = 0_u64;
        let mut had = true;
        loop {
            // Asked after each break: a flow that broke may have brought more than it could tell.
            let stand = match known.take() {
                Some(stand) => stand,
                None => self.again(|courier, _| courier.blob_stand(piece))?,
            };
            self.done(stand.have.saturating_sub(safe));
            safe = safe.max(stand.have);
            if stand.kept {
                return Ok(had);
            }
            had = false;
            let from = Piece { from: stand.have.min(piece.size), ..*piece };
            let (mut now, mut progress, watch) = (safe, self.progress, self.watch);
            let result = self.courier.put_blob(&from, whole, &mut |have| {
                progress.done = progress.done.saturating_add(have.saturating_sub(now));
                now = now.max(have);
                watch(progress);
            });
            self.progress = progress;
            let moved = now > safe;
            safe = now;
            match result {
                Ok(Stand { kept: true, .. }) => {
                    self.fruitless = 0;
                    return Ok(false);
                }
                Ok(stand @ Stand { refused: None, .. }) if moved => {
                    self.fruitless = 0;
                    known = Some(stand);
                }
                // Somebody else's bytes came in between, or what was there is gone: ask again where to go on.
                Ok(Stand { refused: Some(Refusal::Gap) | None, .. }) => {
                    let fault = CourierFault::Refused(Refusal::Gap);
                    self.fruitless = if moved { 0 } else { self.fruitless.saturating_add(1) };
                    if !self.courier.rest(self.fruitless) {
                        return Err(fault);
                    }
                }
                Ok(Stand { refused: Some(refusal), .. }) => return Err(CourierFault::Refused(refusal)),
                Err(fault) => self.rest_after(fault, moved)?,
            }
        }
    }

    /// Fetches a blob, however often the line breaks: `arrived` says how much is here, `keep` keeps the bytes that follow an
    /// offset. Returns when all of it is here; its hash is the caller's to check. Bytes are kept by [`KEPT`], and whatever
    /// there is when the line breaks: a break costs nothing, and a power cut two seconds of the worst line.
    ///
    /// # Errors
    /// What the caller's own keeping says, or a fault as of [`Carrier::again`].
    pub fn fetch_blob<E: From<CourierFault>>(
        &mut self,
        sha: Sha,
        mut arrived: impl FnMut() -> Result<u64, E>,
        mut keep: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let from = arrived()?;
            let mut fresh: Vec<u8> = Vec::new();
            let (mut at, mut moved, mut failed) = (from, false, None);
            let (mut progress, watch) = (self.progress, self.watch);
            let result = self.courier.get_blob(sha, from, &mut |bytes| {
                moved = true;
                fresh.extend_from_slice(bytes);
                progress.done = progress.done.saturating_add(length(bytes));
                watch(progress);
                if fresh.len() < KEPT {
                    return true;
                }
                let kept = keep(at, &fresh);
                at = at.saturating_add(length(&fresh));
                fresh.clear();
                kept.map_err(|error| failed = Some(error)).is_ok()
            });
            self.progress = progress;
            if let Some(error) = failed {
                return Err(error);
            }
            if !fresh.is_empty() {
                keep(at, &fresh)?;
            }
            match result {
                Ok(()) => {
                    self.fruitless = 0;
                    return Ok(());
                }
                Err(fault) => self.rest_after(fault, moved)?,
            }
        }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
