-- What the indexes of SQLite's migration ask for: functions that SQLite has and PostgreSQL lacks. A path is `$.a` or `$.a.b`.

create function json_extract(doc text, path text) returns text language sql immutable as $$
  select doc::json #>> string_to_array(substr(path, 3), '.')
$$;
