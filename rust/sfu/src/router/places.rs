//! A list of places in a slab, each at most once. Owns which are listed, side by side: asking costs no visit to what stands there.

/// Places in the order in which they were inserted.
#[derive(Debug, Default)]
pub(crate) struct Places {
    listed: Vec<usize>,
    is_listed: Vec<bool>,
}

impl Places {
    pub(crate) fn insert(&mut self, place: usize) {
        if place >= self.is_listed.len() {
            self.is_listed.resize(place + 1, false);
        }
        if !std::mem::replace(&mut self.is_listed[place], true) {
            self.listed.push(place);
        }
    }

    pub(crate) fn remove(&mut self, place: usize) {
        if let Some(listed) = self.is_listed.get_mut(place)
            && std::mem::take(listed)
        {
            self.listed.retain(|other| *other != place);
        }
    }

    /// Moves all places to `taken`, which is emptied before.
    pub(crate) fn take(&mut self, taken: &mut Vec<usize>) {
        taken.clear();
        std::mem::swap(taken, &mut self.listed);
        for place in taken {
            self.is_listed[*place] = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_listed_once_until_it_is_taken() {
        let (mut places, mut taken) = (Places::default(), vec![7]);
        for place in [3, 1, 3, 2] {
            places.insert(place);
        }
        places.remove(1);
        places.remove(9);
        places.take(&mut taken);
        assert_eq!(taken, [3, 2]);
        places.insert(3);
        places.insert(1);
        places.take(&mut taken);
        assert_eq!(taken, [3, 1]);
        places.take(&mut taken);
        assert!(taken.is_empty());
    }
}
