//! Addresses at which anyone reads one blob from Azure itself, until a moment: user delegation signatures ("Create a user
//! delegation SAS").
//!
//! They are made here, with a key that Azure gives to an identity ("Get User Delegation Key") and that serves for days.
//! An address with a signature of its own has no identity, and an identity may not have the right to the key: then there are
//! no such addresses, and the bytes go through the server.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use actors::ports::{Clock, DirectTerms};
use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, RequestContent, Url, XmlFormat};
use azure_storage_blob::models::{BlobServiceClientGetUserDelegationKeyOptions, KeyInfo};
use azure_storage_blob::{BlobServiceClient, BlobServiceClientOptions};
use azure_storage_common::models::UserDelegationKey;
use azure_storage_sas::{SasBuilder, SasProtocol};
use time::OffsetDateTime;
use tokio::sync::Mutex;

use crate::azure::{AzureError, Fault, Meaning, Patience, Tries, within_reason};
use crate::config::AzureUrl;
use crate::view;

/// How long a key is asked for; Azure gives one for a week at most, by its own clock.
const KEY_LIFE: Duration = Duration::from_hours(6 * 24);
/// How much longer than asked for a key is to last: by then another one is had, and clocks differ.
const MARGIN: Duration = Duration::from_mins(15);
/// How long Azure is not asked again after it gave no key.
const REST: Duration = Duration::from_mins(10);

/// Makes addresses in one container.
pub(super) struct DirectLinks {
    service: BlobServiceClient,
    account: String,
    container: String,
    clock: Arc<dyn Clock>,
    held: Mutex<Held>,
}

/// The key, and what came of asking for it.
#[derive(Default)]
struct Held {
    key: Option<Arc<UserDelegationKey>>,
    /// When Azure may be asked again.
    rest_until: Option<OffsetDateTime>,
    /// Whether the log says already that there is none.
    told: bool,
}

impl DirectLinks {
    /// Those of the container at `url`; `None` where there is no identity, or nobody knows the account's name.
    ///
    /// # Errors
    /// When no client can be made.
    pub(super) fn new(
        url: &AzureUrl,
        (credential, client_options): (Option<Arc<dyn TokenCredential>>, ClientOptions),
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Self>, AzureError> {
        let (Some(account), Some(credential)) = (url.account(), credential) else { return Ok(None) };
        let options = BlobServiceClientOptions { client_options, ..BlobServiceClientOptions::default() };
        let service = BlobServiceClient::new(url.service(), Some(credential), Some(options));
        let service = service.map_err(|error| AzureError::new(Fault::from(error).words))?;
        let (account, container) = (account.to_owned(), url.name().to_owned());
        Ok(Some(Self { service, account, container, clock, held: Mutex::default() }))
    }

    /// The address `blob` with a right to read the blob of that name, on these terms; `None` where there is no key.
    pub(super) async fn address(&self, blob: &Url, name: &str, terms: &DirectTerms) -> Option<String> {
        let key = self.key(terms.until).await?;
        let signature = sign(&key, &self.account, &self.container, name, terms)?;
        let mut address = blob.clone();
        address.set_query(Some(&signature));
        Some(address.into())
    }

    /// A key that serves until then, or nearly as long as any can.
    async fn key(&self, until: OffsetDateTime) -> Option<Arc<UserDelegationKey>> {
        let now = self.clock.now();
        let mut held = self.held.lock().await;
        let wanted = until.min(now + KEY_LIFE / 2);
        if let Some(key) = held.lasting(wanted + MARGIN) {
            return Some(key);
        }
        if held.rest_until.is_none_or(|rest_until| rest_until <= now) {
            match self.ask(now).await {
                Ok(key) => *held = Held { key: Some(Arc::new(key)), ..Held::default() },
                Err(fault) => held.refused(&fault, now + REST),
            }
        }
        held.lasting(now + MARGIN)
    }

    async fn ask(&self, now: OffsetDateTime) -> Result<UserDelegationKey, Fault> {
        let (start, expiry) = (Some(now - MARGIN), Some(now + KEY_LIFE));
        let wanted: RequestContent<KeyInfo, XmlFormat> =
            KeyInfo { start, expiry, ..KeyInfo::default() }.try_into().map_err(Fault::from)?;
        let method_options = Tries::default().options(Patience::SMALL);
        let options = BlobServiceClientGetUserDelegationKeyOptions {
            method_options,
            ..BlobServiceClientGetUserDelegationKeyOptions::default()
        };
        let answer = within_reason(self.service.get_user_delegation_key(wanted, Some(options))).await?;
        let key = answer.into_model()?;
        // Told now, and not with every link.
        SasBuilder::new(&self.account, &key, now)
            .map_err(|_| Fault::new(Meaning::Unknown, "Azure Storage's key lacks a part"))?;
        Ok(key)
    }
}

impl Held {
    /// The key, where it lasts until `moment`.
    fn lasting(&self, moment: OffsetDateTime) -> Option<Arc<UserDelegationKey>> {
        self.key.clone().filter(|key| key.signed_expiry.is_some_and(|end| end >= moment))
    }

    fn refused(&mut self, fault: &Fault, rest_until: OffsetDateTime) {
        self.rest_until = Some(rest_until);
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!(why = %fault.words, "no key for links to Azure itself: downloads go through the server");
        }
    }
}

/// The right to read one blob, as what follows the `?`; never beyond the key's own end.
fn sign(key: &UserDelegationKey, account: &str, container: &str, name: &str, terms: &DirectTerms) -> Option<String> {
    let until = terms.until.min(key.signed_expiry?);
    let signature =
        SasBuilder::new(account, key, until).ok()?.protocol(SasProtocol::Https).blob(container, name).read();
    let signature = signature.content_type(&terms.mime).content_disposition(view::attachment(&terms.file_name));
    Some(signature.build())
}
