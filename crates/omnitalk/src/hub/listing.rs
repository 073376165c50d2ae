//! The rooms that lists show, in the order in which they were made: a page costs its entries, however many rooms there are.

use crate::words::RoomType;
use omnigate_room::RoomId;

/// A room's place, and which room it is.
type Entry = (u64, RoomId);

/// All listed rooms, and those of each type.
#[derive(Default)]
pub(super) struct Listing {
    all: Vec<Entry>,
    by_type: [Vec<Entry>; RoomType::ALL.len()],
}

fn index(kind: RoomType) -> usize {
    RoomType::ALL.iter().position(|one| *one == kind).unwrap_or(0)
}

fn insert(list: &mut Vec<Entry>, entry: Entry) {
    // Almost always at the end.
    if let Err(place) = list.binary_search(&entry) {
        list.insert(place, entry);
    }
}

fn remove(list: &mut Vec<Entry>, entry: Entry) {
    if let Ok(place) = list.binary_search(&entry) {
        list.remove(place);
    }
}

impl Listing {
    pub(super) fn add(&mut self, serial: u64, id: RoomId, kind: RoomType) {
        insert(&mut self.all, (serial, id));
        insert(&mut self.by_type[index(kind)], (serial, id));
    }

    pub(super) fn remove(&mut self, serial: u64, id: RoomId, kind: RoomType) {
        remove(&mut self.all, (serial, id));
        remove(&mut self.by_type[index(kind)], (serial, id));
    }

    /// Those of this type, or all; the oldest first.
    pub(super) fn of(&self, kind: Option<RoomType>) -> &[Entry] {
        match kind {
            Some(kind) => &self.by_type[index(kind)],
            None => &self.all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_listed_in_their_order_whatever_order_they_come_and_go_in() {
        let mut listing = Listing::default();
        for serial in [1, 3, 2, 4] {
            let kind = if serial % 2 == 0 {
                RoomType::Webinar
            } else {
                RoomType::AudioRoom
            };
            listing.add(serial, RoomId(u128::from(serial)), kind);
        }
        let serials = |listing: &Listing, kind| {
            listing
                .of(kind)
                .iter()
                .map(|(serial, _)| *serial)
                .collect::<Vec<_>>()
        };
        assert_eq!(serials(&listing, None), [1, 2, 3, 4]);
        listing.remove(2, RoomId(2), RoomType::Webinar);
        listing.remove(9, RoomId(9), RoomType::Webinar);
        assert_eq!(serials(&listing, None), [1, 3, 4]);
        assert_eq!(serials(&listing, Some(RoomType::Webinar)), [4]);
    }
}
