select count(*), sum(aid::bigint), min(abalance) from pgbench_accounts;
create table words as
  select i, md5(i::text) as word, repeat(md5((i * 7)::text), 1 + i % 40) as long
  from generate_series(1, 60000) i;
create index on words (word);
analyze words;
select substr(word, 1, 2) as head, count(*), sum(length(long)) from words group by 1 order by 1;
select a.i, b.i from words a join words b on substr(a.long, 1, 32) = b.word order by 1 limit 50;
select string_agg(word, ',' order by word desc) from (select word from words limit 2000) w;
with recursive t(n, text) as (
  select 1, 'x' union all select n + 1, text || n from t where n < 500)
select n, length(text), md5(text) from t order by n desc limit 3;
select jsonb_agg(jsonb_build_object('i', i, 'w', word) order by i) from words where i % 1000 = 0;
