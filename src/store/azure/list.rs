//! Listing: "List Blobs", which gives names in order, from `startFrom` on.
//!
//! A page of Azure's may hold fewer blobs than asked for, or none, and still not be the last: its marker says so.

use actors::ports::{Entry, Key, Page, StoreError, StoreErrorKind};
use azure_core::http::pager::PagerOptions;
use azure_core::http::{PageIterator, Response, XmlFormat};
use azure_storage_blob::models::{
    BlobContainerClientListBlobsOptions, BlobItem, ListBlobsIncludeItem, ListBlobsResponse,
};
use futures_util::TryStreamExt as _;

use super::AzureStore;
use super::read::meta;
use crate::azure::{Fault, Patience, Tries, within_reason};

/// How many blobs one page of Azure's has at most.
const MAX_PAGE: usize = 5000;
/// The metadata of a blob that is none.
const FOLDER_MARK: &str = "hdi_isfolder";

impl AzureStore {
    pub(super) async fn page(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Page, StoreError> {
        let after = after.filter(|after| after.as_str() >= prefix);
        let beyond = after.is_some_and(|after| after.after(prefix).is_none());
        if beyond || !may_begin_a_key(prefix) {
            return Ok(Page::default());
        }
        let mut pages = self.pages(prefix, after, limit).map_err(|fault| failed(prefix, &fault))?;
        let mut page = Page::default();
        while !page.more
            && let Some(items) = pages.next().await.map_err(|fault| failed(prefix, &fault))?
        {
            for item in items {
                let entry = self.entry(item).filter(|entry| after.is_none_or(|after| entry.key > *after));
                let Some(entry) = entry else { continue };
                if page.entries.len() == limit {
                    page.more = true;
                    break;
                }
                page.entries.push(entry);
            }
        }
        Ok(page)
    }

    /// Azure's pages. The first name may be `after` itself, and one more than `limit` shows whether there are more.
    fn pages(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Pages, Fault> {
        let most = limit.saturating_add(1 + usize::from(after.is_some())).min(MAX_PAGE);
        let options = BlobContainerClientListBlobsOptions {
            include: self.read_only.then(|| vec![ListBlobsIncludeItem::Metadata]),
            maxresults: i32::try_from(most).ok(),
            method_options: PagerOptions {
                context: Tries::default().options(Patience::SMALL).context,
                ..PagerOptions::default()
            },
            prefix: Some(format!("{}{prefix}", self.prefix)),
            start_from: after.map(|after| format!("{}{after}", self.prefix)),
            ..BlobContainerClientListBlobsOptions::default()
        };
        Ok(Pages(self.container.list_blobs(Some(options))?.into_pages()))
    }

    /// A blob as an entry; `None` for one that is none of ours, whose name no key could be.
    fn entry(&self, item: BlobItem) -> Option<Entry> {
        if is_folder(&item) {
            return None;
        }
        let key = Key::parse(item.name?.strip_prefix(&*self.prefix)?)?;
        let known = item.properties?;
        Some(Entry { key, meta: meta(known.etag, known.content_length, known.last_modified)? })
    }
}

/// Whether a blob only stands for a folder: accounts with a hierarchical namespace, and tools that play one, have such blobs.
fn is_folder(item: &BlobItem) -> bool {
    let marks = item.metadata.as_ref().and_then(|metadata| metadata.values.as_ref());
    marks.and_then(|marks| marks.get(FOLDER_MARK)).is_some_and(|mark| mark.eq_ignore_ascii_case("true"))
}

/// Azure's pages, one after another.
struct Pages(PageIterator<Response<ListBlobsResponse, XmlFormat>>);

impl Pages {
    async fn next(&mut self) -> Result<Option<Vec<BlobItem>>, Fault> {
        let Some(page) = within_reason(self.0.try_next()).await? else { return Ok(None) };
        Ok(Some(page.into_model()?.blob_items))
    }
}

/// Whether `prefix` could be the beginning of a key: Azure need not be asked for the others, and refuses some.
fn may_begin_a_key(prefix: &str) -> bool {
    prefix.is_empty() || Key::parse(&format!("{prefix}x")).is_some()
}

fn failed(prefix: &str, fault: &Fault) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, prefix, &fault.words)
}

#[test]
fn what_no_key_begins_with_is_not_asked_for() {
    for prefix in ["", "a", "a/", "a/b.", "."] {
        assert!(may_begin_a_key(prefix), "{prefix:?}");
    }
    for prefix in ["/", "//", "../", "a//", "a/../", "\u{0}", "a\\"] {
        assert!(!may_begin_a_key(prefix), "{prefix:?}");
    }
}
