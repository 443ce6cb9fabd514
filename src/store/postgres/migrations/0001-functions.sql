-- Functions that the indexes of SQLite's migration need and PostgreSQL lacks. A path is `$.a` or `$.a.b`.

create function json_extract(doc text, path text) returns text language sql immutable as $$
  select doc::json #>> string_to_array(substr(path, 3), '.')
$$;
