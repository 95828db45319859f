//! Who has signed in: nobody, as long as there is no way to.

use std::net::IpAddr;

use mcpass_authority::api::ApiError;
use mcpass_web::console::{Accounts, Seat};

/// Nobody.
#[derive(Debug)]
pub(super) struct Nobody;

#[async_trait::async_trait]
impl Accounts for Nobody {
    async fn session(&self, _: &str, _: Option<IpAddr>) -> Result<Option<Seat>, ApiError> {
        Ok(None)
    }
}
