//! Object storage: a bucket of an S3-compatible service. What is there is confirmed before anything here is deleted.

use super::sets::Alone;
use crate::config::Upload;
use object_store::aws::AmazonS3Builder;
use object_store::buffered::BufWriter;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreExt, RetryConfig};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Time for one request's tries; the keeper tries again later.
const PATIENCE: Duration = Duration::from_secs(20);

/// The bucket.
pub(super) struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Key,
}

/// Why an upload did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error(transparent)]
    Store(#[from] object_store::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("the index: {0}")]
    Index(#[from] crate::store::StoreError),
    #[error("its files are to be deleted")]
    GivenUp,
    #[error("the storage has {found} bytes of {name}, and not {expected}")]
    Size { name: String, found: u64, expected: u64 },
}

impl Bucket {
    /// The bucket of the configuration, if there is one.
    pub(super) fn new(settings: &Upload) -> Result<Option<Bucket>, object_store::Error> {
        let Some(rest) = settings.url.as_deref().and_then(|url| url.strip_prefix("s3://")) else {
            return Ok(None);
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: 3,
            retry_timeout: PATIENCE,
        };
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_retry(retry);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder
                .with_endpoint(endpoint)
                .with_allow_http(endpoint.starts_with("http://"));
        }
        if let Some(region) = &settings.region {
            builder = builder.with_region(region);
        }
        if let (Some(access), Some(secret)) = (&settings.access_key, &settings.secret_key) {
            builder = builder
                .with_access_key_id(access.expose())
                .with_secret_access_key(secret.expose());
        }
        Ok(Some(Bucket {
            store: Arc::new(builder.build()?),
            prefix: Key::from(prefix),
        }))
    }

    /// A bucket that a test has made.
    #[cfg(test)]
    pub(super) fn of(store: Arc<dyn ObjectStore>) -> Bucket {
        Bucket {
            store,
            prefix: Key::from("calls"),
        }
    }

    fn key(&self, recording: &str, name: &str) -> Key {
        self.prefix.clone().join(recording).join(name)
    }

    /// Uploads a file, in parts when it is large, and asks how much of it has come. Nothing of it is left when it fails, or
    /// when whoever is `alone` at the set of files is to give up.
    pub(super) async fn put(
        &self,
        recording: &str,
        name: &str,
        path: &Path,
        alone: &Alone,
    ) -> Result<(), UploadError> {
        let key = self.key(recording, name);
        let mut from = tokio::fs::File::open(path).await?;
        let expected = from.metadata().await?.len();
        let mut to = BufWriter::new(self.store.clone(), key.clone());
        let copied = tokio::select! {
            copied = tokio::io::copy(&mut from, &mut to) => copied.map_err(UploadError::from),
            () = alone.wanted_gone() => Err(UploadError::GivenUp),
        };
        if let Err(error) = copied {
            // A storage that does not take this either forgets the parts by itself, sooner or later.
            let _ = to.abort().await;
            return Err(error);
        }
        to.shutdown().await?;
        let found = self.store.head(&key).await?.size;
        if found == expected {
            return Ok(());
        }
        Err(UploadError::Size {
            name: name.to_owned(),
            found,
            expected,
        })
    }

    /// Bytes of a file.
    pub(super) async fn size(&self, recording: &str, name: &str) -> Result<u64, UploadError> {
        Ok(self.store.head(&self.key(recording, name)).await?.size)
    }

    /// A part of a file, in bytes.
    pub(super) async fn range(
        &self,
        recording: &str,
        name: &str,
        bytes: std::ops::Range<u64>,
    ) -> Result<bytes::Bytes, UploadError> {
        Ok(self.store.get_range(&self.key(recording, name), bytes).await?)
    }

    /// Deletes a file; one that is not there is deleted already.
    pub(super) async fn delete(&self, recording: &str, name: &str) -> Result<(), UploadError> {
        match self.store.delete(&self.key(recording, name)).await {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
