//! What an image lacks of the moves of its base image.

use crate::id::AmiId;
use crate::update::{BaseImageUpdate, Direction, TrackedImage};

/// What an image lacks of the moves of its base image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LackedMoves {
    /// The moves that lead from the image's base image on to the current one, newest first; none that was taken back.
    pub updates: Vec<BaseImageUpdate>,
    /// The move by which the vendor took back the base image that the image stands on.
    pub withdrawn: Option<BaseImageUpdate>,
}

/// What an image on the base image `stands_on` lacks. `tracked`: what the base image is now. `moves`: its newest moves,
/// newest first.
#[must_use]
pub fn lacked_moves(stands_on: &AmiId, tracked: Option<&TrackedImage>, moves: &[BaseImageUpdate]) -> LackedMoves {
    if tracked.is_none_or(|tracked| tracked.current.image_id == *stands_on) {
        return LackedMoves::default();
    }
    let mut since: Vec<&BaseImageUpdate> = moves.iter().take_while(|update| update.image_id != *stands_on).collect();
    since.reverse();
    let Some(first) = since.first().map(|update| &update.previous_image_id) else { return LackedMoves::default() };
    // The moves that lead from the first image to the current one, without detours.
    let mut path: Vec<&BaseImageUpdate> = Vec::new();
    for update in &since {
        if update.image_id == *first {
            path.clear();
        } else if let Some(place) = path.iter().position(|before| before.image_id == update.image_id) {
            path.truncate(place + 1);
        } else {
            // Back to an image that is not on the path, so that all that was newer was taken back.
            if update.direction == Direction::Back {
                path.retain(|before| before.direction == Direction::Back);
            }
            path.push(update);
        }
    }
    // Nobody knows whether an image that is older than the remembered moves was taken back.
    let is_known = moves.iter().any(|update| [&update.image_id, &update.previous_image_id].contains(&stands_on));
    let withdrawn = path.first().filter(|update| is_known && update.direction == Direction::Back);
    let withdrawn = withdrawn.map(|update| (*update).clone());
    let forward = path.into_iter().rev().filter(|update| update.direction == Direction::Forward);
    LackedMoves { updates: forward.cloned().collect(), withdrawn }
}

/// Why a template on a withdrawn image is not rebuilt.
#[must_use]
pub fn not_rebuilt(update: &BaseImageUpdate) -> String {
    format!(
        "its base image went back from {} to the older {}: it is not rebuilt on that, since rebuild_on_rollback is \
         false in the policy",
        update.previous_image_id, update.image_id
    )
}
