//! The contract, rule by rule.

use otr_core::SecretBytes;
use zeroize::Zeroizing;

use super::{Open, name, put, read};
use crate::error::{StoreError, UnsealReason};
use crate::row::{MAX_NAME, RowName, SubRowId};
use crate::seal::MAX_RECORD;
use crate::store::{Batch, Change, EkmStore, rows};

pub(super) fn all(open: &Open<'_>) {
    what_was_committed_is_loaded_also_after_reopening(open);
    generations_rise_by_one_and_conflicts_change_nothing(open);
    a_batch_happens_whole_or_not_at_all(open);
    batches_of_a_group_are_independent(open);
    one_row_may_change_several_times_in_a_group(open);
    secrets_may_be_retired_again_and_again(open);
    a_removed_row_is_gone_with_its_sub_rows(open);
    sub_rows_outlive_rotations_and_need_their_key(open);
    a_scan_lists_every_row_in_order(open);
    limits_are_refused_and_records_of_all_sizes_kept(open);
}

fn what_was_committed_is_loaded_also_after_reopening(open: &Open<'_>) {
    let (conversation, account) = (name("committed", 0), RowName::account_wide(b"committed"));
    let mut store = open().unwrap();
    assert_eq!(read(&mut *store, &conversation), None);
    store.commit(Batch::from(put(&conversation, 0, b"one")).with(put(&account, 0, b"trust"))).unwrap();
    assert_eq!(read(&mut *store, &conversation), Some((1, b"one".to_vec())));
    drop(store);
    let mut store = open().unwrap();
    assert_eq!(read(&mut *store, &conversation), Some((1, b"one".to_vec())));
    assert_eq!(read(&mut *store, &account), Some((1, b"trust".to_vec())));
    store.commit(Batch::new()).unwrap();
    store.flush().unwrap();
}

fn generations_rise_by_one_and_conflicts_change_nothing(open: &Open<'_>) {
    let row = name("generations", 0);
    let mut store = open().unwrap();
    for generation in 0..10 {
        store.commit(put(&row, generation, &[generation as u8]).into()).unwrap();
        assert_eq!(read(&mut *store, &row), Some((generation + 1, vec![generation as u8])));
    }
    for wrong in [0, 9, 11, u64::MAX] {
        for change in [put(&row, wrong, b"x"), Change::remove(row.clone(), wrong)] {
            let error = store.commit(change.into()).unwrap_err();
            assert!(matches!(error, StoreError::Conflict { expected, found: 10, .. } if expected == wrong));
        }
    }
    let absent = store.commit(put(&name("generations", 1), 3, b"x").into()).unwrap_err();
    assert!(matches!(absent, StoreError::Conflict { expected: 3, found: 0, .. }));
    assert_eq!(read(&mut *store, &row), Some((10, vec![9])));
}

fn a_batch_happens_whole_or_not_at_all(open: &Open<'_>) {
    let [first, second, third] = [0, 1, 2].map(|number| name("batch", number));
    let mut store = open().unwrap();
    store.commit(put(&second, 0, b"there").into()).unwrap();
    let batch = Batch::from(put(&first, 0, b"new")).with(put(&second, 0, b"clash")).with(put(&third, 0, b"new"));
    assert!(matches!(store.commit(batch), Err(StoreError::Conflict { .. })));
    assert_eq!(read(&mut *store, &first), None);
    assert_eq!(read(&mut *store, &third), None);
    let batch = Batch::from(put(&first, 0, b"a")).with(put(&second, 1, b"b")).with(put(&third, 0, b"c"));
    store.commit(batch).unwrap();
    assert_eq!(read(&mut *store, &second), Some((2, b"b".to_vec())));
    assert_eq!(read(&mut *store, &third), Some((1, b"c".to_vec())));
    let twice = Batch::from(put(&first, 1, b"a")).with(put(&first, 2, b"b"));
    assert!(matches!(store.commit(twice), Err(StoreError::Duplicate { .. })));
    assert_eq!(read(&mut *store, &first), Some((1, b"a".to_vec())));
}

fn batches_of_a_group_are_independent(open: &Open<'_>) {
    let names: Vec<RowName> = (0..70).map(|number| name("group", number)).collect();
    let mut store = open().unwrap();
    let expected = |index: usize| if index % 7 == 3 { 5 } else { 0 };
    let batches = names.iter().enumerate().map(|(index, name)| put(name, expected(index), b"x").into()).collect();
    let results = store.commit_many(batches);
    assert_eq!(results.len(), names.len());
    for (index, (name, result)) in names.iter().zip(results).enumerate() {
        assert_eq!(result.is_ok(), expected(index) == 0, "batch {index}");
        assert_eq!(read(&mut *store, name).is_some(), expected(index) == 0, "row {index}");
    }
    assert!(store.commit_many(Vec::new()).is_empty());
}

fn one_row_may_change_several_times_in_a_group(open: &Open<'_>) {
    let row = name("several", 0);
    let mut store = open().unwrap();
    let changes = [
        put(&row, 0, b"1"),
        put(&row, 1, b"2").retiring_secret(),
        put(&row, 1, b"conflict"),
        put(&row, 2, b"3").retiring_secret(),
        put(&row, 3, b"4").retiring_secret(),
        Change::remove(row.clone(), 4),
        put(&row, 0, b"5"),
    ];
    let results = store.commit_many(changes.into_iter().map(Batch::from).collect());
    assert!(matches!(results[2], Err(StoreError::Conflict { expected: 1, found: 2, .. })));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 6);
    assert_eq!(read(&mut *store, &row), Some((1, b"5".to_vec())));
}

fn secrets_may_be_retired_again_and_again(open: &Open<'_>) {
    let rows = [0, 1, 2].map(|number| name("retired", number));
    let mut store = open().unwrap();
    for generation in 0..12_u64 {
        for (number, row) in rows.iter().enumerate() {
            let change = put(row, generation, &generation.to_be_bytes());
            let retires = number == 0 || generation % (number as u64 + 1) == 0;
            store.commit(if retires { change.retiring_secret() } else { change }.into()).unwrap();
        }
        if generation % 5 == 4 {
            store.flush().unwrap();
        }
        if generation % 4 == 3 {
            drop(store);
            store = open().unwrap();
        }
        for row in &rows {
            assert_eq!(read(&mut *store, row), Some((generation + 1, generation.to_be_bytes().to_vec())));
        }
    }
}

fn a_removed_row_is_gone_with_its_sub_rows(open: &Open<'_>) {
    let row = name("removed", 0);
    let (sub, key) = (SubRowId(1), SecretBytes::new([1; 32]));
    let text = || Zeroizing::new(b"text".to_vec());
    let mut store = open().unwrap();
    store.commit(put(&row, 0, b"x").putting_sub(sub, key.clone(), text()).into()).unwrap();
    store.commit(Change::remove(row.clone(), 1).into()).unwrap();
    assert_eq!(read(&mut *store, &row), None);
    assert_eq!(store.load_sub(&row, sub, &key).unwrap(), None);
    store.commit(put(&row, 0, b"again").into()).unwrap();
    assert_eq!(read(&mut *store, &row), Some((1, b"again".to_vec())));
    assert_eq!(store.load_sub(&row, sub, &key).unwrap(), None);
    store.commit(Change::wipe(row.clone()).into()).unwrap();
    store.commit(Change::wipe(row.clone()).into()).unwrap();
    store.commit(Change::remove(row.clone(), 0).into()).unwrap();
    drop(store);
    assert_eq!(read(&mut *open().unwrap(), &row), None);
}

fn sub_rows_outlive_rotations_and_need_their_key(open: &Open<'_>) {
    let [row, other] = [0, 1].map(|number| name("sub-rows", number));
    let [first, second] = [1, u64::MAX].map(SubRowId);
    let [key, wrong] = [3, 4].map(|byte| SecretBytes::new([byte; 32]));
    let long = Zeroizing::new(vec![7; 100_000]);
    let mut store = open().unwrap();
    let change = put(&row, 0, b"x").putting_sub(first, key.clone(), long.clone());
    store.commit(change.putting_sub(second, key.clone(), Zeroizing::new(Vec::new())).into()).unwrap();
    store.commit(put(&row, 1, b"y").retiring_secret().into()).unwrap();
    drop(store);
    let mut store = open().unwrap();
    assert_eq!(store.load_sub(&row, first, &key).unwrap(), Some(long));
    assert_eq!(store.load_sub(&row, second, &key).unwrap(), Some(Zeroizing::new(Vec::new())));
    assert_eq!(store.load_sub(&other, first, &key).unwrap(), None);
    let refused = store.load_sub(&row, first, &wrong).unwrap_err();
    assert!(matches!(refused, StoreError::Unsealable { reason: UnsealReason::Damaged, .. }));
    let replaced = Zeroizing::new(b"short".to_vec());
    let change = put(&row, 2, b"z").putting_sub(first, wrong.clone(), replaced.clone()).removing_sub(second);
    store.commit(change.removing_sub(SubRowId(99)).into()).unwrap();
    assert_eq!(store.load_sub(&row, first, &wrong).unwrap(), Some(replaced.clone()));
    assert_eq!(store.load_sub(&row, second, &key).unwrap(), None);
    let twice = put(&row, 3, b"z").removing_sub(first).putting_sub(first, key, replaced);
    assert!(matches!(store.commit(twice.into()), Err(StoreError::Duplicate { .. })));
}

fn a_scan_lists_every_row_in_order(open: &Open<'_>) {
    const ROWS: usize = 300;
    let mut store = open().unwrap();
    let new = |number: usize| put(&name("scan", number), 0, &number.to_be_bytes());
    store.commit((0..ROWS).map(new).collect()).unwrap();
    let mut listed = Vec::new();
    while let Some(page) = Some(store.scan(listed.last().map(|(row, _)| *row), 7).unwrap()).filter(|p| !p.is_empty()) {
        assert!(page.len() <= 7);
        listed.extend(page);
    }
    assert!(listed.is_sorted_by(|a, b| a.0 < b.0));
    let all: Vec<_> = rows(&mut *store).collect::<Result<_, _>>().unwrap();
    assert_eq!(all.len(), listed.len());
    let mut found = 0;
    for ((row, generation), (id, loaded)) in listed.iter().zip(&all) {
        assert_eq!((row, *generation), (id, loaded.generation));
        found += usize::from(loaded.name.account() == b"scan");
    }
    assert_eq!(found, ROWS);
    store.commit((0..4).map(|number| Change::wipe(name("scan", number))).collect()).unwrap();
    assert_eq!(store.scan(None, usize::MAX).unwrap().len(), listed.len() - 4);
    store.commit((4..ROWS).map(|number| Change::remove(name("scan", number), 1)).collect()).unwrap();
    assert_eq!(store.scan(None, usize::MAX).unwrap().len(), listed.len() - ROWS);
}

fn limits_are_refused_and_records_of_all_sizes_kept(open: &Open<'_>) {
    let mut store = open().unwrap();
    let too_long = RowName::conversation(b"me", &vec![b'x'; MAX_NAME + 1]);
    let refused = store.commit(put(&too_long, 0, b"x").into()).unwrap_err();
    assert_eq!(refused, StoreError::TooLarge { len: MAX_NAME + 1, limit: MAX_NAME });
    let row = name("limits", 0);
    let refused = store.commit(put(&row, 0, &vec![0; MAX_RECORD + 1]).into()).unwrap_err();
    assert_eq!(refused, StoreError::TooLarge { len: MAX_RECORD + 1, limit: MAX_RECORD });
    assert_eq!(read(&mut *store, &row), None);
    for (generation, len) in [0, 1, 255, 256, 4096, 70_000, 1 << 20].into_iter().enumerate() {
        store.commit(put(&row, generation as u64, &vec![0xab; len]).into()).unwrap();
        assert_eq!(read(&mut *store, &row), Some((generation as u64 + 1, vec![0xab; len])));
    }
    let longest = RowName::conversation(&vec![b'y'; MAX_NAME], &vec![b'x'; MAX_NAME]);
    store.commit(put(&longest, 0, b"x").into()).unwrap();
    assert_eq!(read(&mut *store, &longest), Some((1, b"x".to_vec())));
}
