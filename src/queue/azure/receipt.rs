//! The right to dispose of a message: its id and the receipt of its last delivery, which every delivery and update replaces.

use actors::ports::Receipt;

/// A message's id and pop receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    message: String,
    pop: String,
}

impl Held {
    pub(super) fn new(message: String, pop: String) -> Self {
        Self { message, pop }
    }

    /// What `receipt` stands for; `None` where this queue cannot have given it.
    pub(super) fn parse(receipt: &Receipt) -> Option<Self> {
        let (message, pop) = receipt.0.split_once('.')?;
        let is_id = message.len() == 36 && message.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        let harmless = !pop.is_empty() && !pop.chars().any(char::is_control);
        (is_id && harmless).then(|| Self::new(message.to_owned(), pop.to_owned()))
    }

    pub(super) fn receipt(&self) -> Receipt {
        Receipt(format!("{}.{}", self.message, self.pop))
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn pop(&self) -> &str {
        &self.pop
    }
}

#[test]
fn a_receipt_comes_back() {
    let held = Held::new("0d5a0c4e-1111-4222-8333-944445555666".to_owned(), "AgAAAAMAAAAAAAAA+/==".to_owned());
    assert_eq!(Held::parse(&held.receipt()), Some(held));
    for text in ["", ".", "1.1", "../messages.x", "0d5a0c4e-1111-4222-8333-944445555666.", "nonsense"] {
        assert!(Held::parse(&Receipt(text.to_owned())).is_none(), "{text}");
    }
}
