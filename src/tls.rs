//! Who encrypts: every client of this program, ours and Azure's, uses rustls with ring.

use std::sync::Once;

/// reqwest brings rustls without a provider; this is ours. Safe to call again.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails only where someone else installed one, which serves as well.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}
