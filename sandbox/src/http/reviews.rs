//! Kinds that are asked, not stored: access reviews, token reviews.

use super::exchange::Reply;
use super::resources::Call;
use crate::registry::ResourceInfo;
use crate::status::Status;

/// Whether creating one only asks a question.
pub(super) fn is_review(info: &ResourceInfo) -> bool {
    matches!(
        info.group.as_str(),
        "authentication.k8s.io" | "authorization.k8s.io"
    )
}

pub(super) fn create(_call: &Call<'_>) -> Result<Reply, Status> {
    Err(Status::internal("reviews are not answered yet"))
}
