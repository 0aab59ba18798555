//! Who is let in to what: the one road from a request to its handler. A handler names the standing that it needs by the type
//! of its permit, and a permit comes into being here alone, before a byte of the body is read. It must never judge what a
//! device may see or write: that follows from the log, at each step.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use domain::enrol::Refusal;
use domain::ids::{DeviceId, Sha};

use crate::county::County;
use crate::http::{Sorry, step};
use crate::tls::Peer;

/// That a request was let in, as whom.
pub(crate) struct Permit<S> {
    certificate: Sha,
    standing: S,
}

/// What a route needs to know of whoever comes.
pub(crate) trait Standing: Sized + Send + 'static {
    /// The standing of who holds this certificate.
    fn of(county: &County, certificate: Sha) -> Result<Self, Refusal>;
}

/// Anyone at all: what they bring proves who they are (an invitation, a signature, a sealed bundle of a lost laptop).
pub(crate) struct Anyone;

/// A device that is enrolled, and not turned out.
pub(crate) struct Enrolled(DeviceId);

impl Standing for Anyone {
    fn of(_: &County, _: Sha) -> Result<Self, Refusal> {
        Ok(Self)
    }
}

impl Standing for Enrolled {
    fn of(county: &County, certificate: Sha) -> Result<Self, Refusal> {
        county.device_of(certificate).map(Self)
    }
}

impl<S> Permit<S> {
    /// The certificate that the handshake proved.
    pub(crate) fn certificate(&self) -> Sha {
        self.certificate
    }
}

impl Permit<Enrolled> {
    /// Which device.
    pub(crate) fn device(&self) -> DeviceId {
        self.standing.0
    }
}

/// Lets a request in, or says why not.
async fn authorize<S: Standing>(county: Arc<County>, Peer(certificate): Peer) -> Result<Permit<S>, Sorry> {
    let standing = step(county, move |county| Ok(S::of(county, certificate)?)).await?;
    Ok(Permit { certificate, standing })
}

impl<S: Standing> FromRequestParts<Arc<County>> for Permit<S> {
    type Rejection = Sorry;

    async fn from_request_parts(parts: &mut Parts, county: &Arc<County>) -> Result<Self, Sorry> {
        // Every connection has a peer: see `serve`. A request without one is nobody's.
        let peer = Extension::<Peer>::from_request_parts(parts, county).await;
        let Extension(peer) = peer.or(Err(Sorry::from(Refusal::DeviceUnknown)))?;
        let State(county) =
            State::<Arc<County>>::from_request_parts(parts, county).await.unwrap_or_else(|never| match never {});
        authorize(county, peer).await
    }
}
