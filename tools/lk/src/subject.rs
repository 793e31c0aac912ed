//! What a filter sees of an event that came from a relay.

use laniakea_event::SignerId;
use laniakea_filter::Subject;
use laniakea_wire::subscription::Delivery;

/// The event as `--where` sees it.
pub(crate) fn subject(delivery: &Delivery) -> Subject<'_> {
    let signers = delivery.signers().unwrap_or_default();
    let signers = signers.into_iter().map(SignerId::as_str);
    Subject::new(delivery.id().as_str(), delivery.covered(), delivery.frame(), signers)
}
