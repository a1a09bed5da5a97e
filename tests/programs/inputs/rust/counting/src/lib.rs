use std::collections::BTreeMap;

pub fn text(seed: u64, words: usize) -> String {
    let mut state = seed;
    let mut text = String::new();
    for _ in 0..words {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        text.push_str(&format!("w{} ", (state >> 33) % (1 + (state >> 40) % 4000)));
    }
    text
}

pub fn count(text: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word.to_string()).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    #[test]
    fn counts_every_word() {
        let text = super::text(1, 1000);
        assert_eq!(super::count(&text).values().sum::<usize>(), 1000);
    }
}
