use std::thread;

fn main() {
    let threads: Vec<_> = (1..5u64)
        .map(|seed| thread::spawn(move || counting::count(&counting::text(seed, 60_000))))
        .collect();
    let mut total = 0;
    for thread in threads {
        let counts = thread.join().unwrap();
        let (word, times) = counts.iter().max_by_key(|(word, times)| (**times, (*word).clone())).unwrap();
        println!("{} {} {}", counts.len(), word, times);
        total += counts.values().sum::<usize>();
    }
    println!("total {}", total);
}
