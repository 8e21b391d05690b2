-- A database of version 3 with two sessions, as that version wrote it (sqlite3 .dump). It is never made again from newer
-- code: databases of version 3 must open for ever.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE sessions(
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  mode TEXT NOT NULL,
  title TEXT NOT NULL,
  title_is_manual INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  model_path TEXT NOT NULL DEFAULT '',
  model_name TEXT NOT NULL DEFAULT '',
  model_fingerprint TEXT NOT NULL DEFAULT '',
  system TEXT NOT NULL,
  settings TEXT NOT NULL,
  draft TEXT NOT NULL DEFAULT '',
  current INTEGER REFERENCES messages(key) DEFERRABLE INITIALLY DEFERRED,
  in_trash INTEGER NOT NULL DEFAULT 0,
  pinned INTEGER NOT NULL DEFAULT 0,
  undo_op INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO sessions VALUES(1,'01890000-0000-7000-8000-000000000003','story','A tale of the third version',1,1741964966535,1741964966535,'','','','','{"sampler":{"temperature":0.8,"top_k":40,"top_p":0.95,"min_p":0.05,"typical":1.0,"repeat_penalty":1.0,"presence_penalty":0.0,"frequency_penalty":0.0,"penalty_window":64,"dry_multiplier":0.0,"dry_base":1.75,"dry_allowed_length":2,"dry_window":-1,"xtc_probability":0.0,"xtc_threshold":0.1,"mirostat":0,"mirostat_tau":5.0,"mirostat_eta":0.1},"seed":null,"max_tokens":512,"stop":[],"alternatives":2,"memory":"The fox is old."}','',2,0,0,0);
INSERT INTO sessions VALUES(2,'01a20178-989e-7000-8a5b-6cf792a586c8','chat','Thrown away',1,1795321010334,1795321010334,'','','','','{"sampler":{"temperature":0.8,"top_k":40,"top_p":0.95,"min_p":0.05,"typical":1.0,"repeat_penalty":1.0,"presence_penalty":0.0,"frequency_penalty":0.0,"penalty_window":64,"dry_multiplier":0.0,"dry_base":1.75,"dry_allowed_length":2,"dry_window":-1,"xtc_probability":0.0,"xtc_threshold":0.1,"mirostat":0,"mirostat_tau":5.0,"mirostat_eta":0.1},"seed":null,"max_tokens":512,"stop":[]}','',NULL,1,0,1);
CREATE TABLE messages(
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  session INTEGER NOT NULL REFERENCES sessions(key),
  parent INTEGER REFERENCES messages(key) DEFERRABLE INITIALLY DEFERRED,
  depth INTEGER NOT NULL,
  role TEXT NOT NULL,
  text TEXT NOT NULL,
  tokenizer TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  finish_reason TEXT NOT NULL,
  receipt TEXT,
  stats TEXT,
  deleted INTEGER NOT NULL DEFAULT 0
, indexed INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO messages VALUES(1,'01890000-0000-7000-8000-300000000001',1,NULL,1,'user','Once upon a time','t',1741964966535,'',NULL,'{"prompt_tokens":0,"reused_tokens":0,"generated_tokens":0,"prompt_seconds":0.0,"decode_seconds":0.0,"first_token_seconds":0.0}',0,1);
INSERT INTO messages VALUES(2,'01890000-0000-7000-8000-300000000002',1,1,2,'assistant',' a fox 狐狸','t',1741964966535,'stop',NULL,'{"prompt_tokens":0,"reused_tokens":0,"generated_tokens":0,"prompt_seconds":0.0,"decode_seconds":0.0,"first_token_seconds":0.0}',0,1);
INSERT INTO messages VALUES(3,'01890000-0000-7000-8000-300000000003',1,1,2,'assistant',' a bear','t',1741964966535,'stop',NULL,'{"prompt_tokens":0,"reused_tokens":0,"generated_tokens":0,"prompt_seconds":0.0,"decode_seconds":0.0,"first_token_seconds":0.0}',0,1);
CREATE TABLE message_tokens(
  message INTEGER NOT NULL REFERENCES messages(key),
  tokenizer TEXT NOT NULL,
  ids BLOB NOT NULL,
  PRIMARY KEY(message, tokenizer)
) STRICT, WITHOUT ROWID;
INSERT INTO message_tokens VALUES(1,'t',X'010000005000000093000000');
INSERT INTO message_tokens VALUES(2,'t',X'c9000000ca000000');
INSERT INTO message_tokens VALUES(3,'t',X'cb000000');
CREATE TABLE operations(
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  session INTEGER NOT NULL REFERENCES sessions(key),
  previous INTEGER NOT NULL,
  kind TEXT NOT NULL,
  joined INTEGER NOT NULL DEFAULT 0,
  before TEXT NOT NULL,
  after TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
INSERT INTO operations VALUES(1,2,0,'trash',0,'{"in_trash":false}','{"in_trash":true}',1795321010382);
CREATE TABLE message_alternatives(
  message INTEGER PRIMARY KEY REFERENCES messages(key),
  choices BLOB NOT NULL
) STRICT;
INSERT INTO message_alternatives VALUES(2,X'02c9000000000000bf090000000000c0bf01ca000000000080be');
PRAGMA writable_schema=ON;
INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table','message_index','message_index',0,'CREATE VIRTUAL TABLE message_index USING fts5(words, pairs, content='''', prefix=''2 3'', tokenize="unicode61 remove_diacritics 0 categories ''L* M* N* Co S*''")');
CREATE TABLE IF NOT EXISTS 'message_index_data'(id INTEGER PRIMARY KEY, block BLOB);
INSERT INTO message_index_data VALUES(1,X'030a02');
INSERT INTO message_index_data VALUES(10,X'000000000103030003010101020101030101');
INSERT INTO message_index_data VALUES(137438953473,X'0000005402306101020401046f6e6365010202010474696d65010205010475706f6e0102030003316f6e01020201027469010205010275700102030004326f6e63010202010374696d010205010375706f01020304060909090807070908');
INSERT INTO message_index_data VALUES(274877906945,X'0000005002303002060101030101610202020103666f780202030103e78b900202040403e78bb802060101020301b8020205000331666f0202030106e78b90e78bb80206010102000432666f7802020304080608080a06080d');
INSERT INTO message_index_data VALUES(412316860417,X'00000024023061030202010462656172030203000331626503020300043262656103020304060908');
CREATE TABLE IF NOT EXISTS 'message_index_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
INSERT INTO message_index_idx VALUES(1,X'',2);
INSERT INTO message_index_idx VALUES(2,X'',2);
INSERT INTO message_index_idx VALUES(3,X'',2);
CREATE TABLE IF NOT EXISTS 'message_index_docsize'(id INTEGER PRIMARY KEY, sz BLOB);
INSERT INTO message_index_docsize VALUES(1,X'0400');
INSERT INTO message_index_docsize VALUES(2,X'0402');
INSERT INTO message_index_docsize VALUES(3,X'0200');
CREATE TABLE IF NOT EXISTS 'message_index_config'(k PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO message_index_config VALUES('version',4);
INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table','title_index','title_index',0,'CREATE VIRTUAL TABLE title_index USING fts5(words, pairs, content='''', prefix=''2 3'', tokenize="unicode61 remove_diacritics 0 categories ''L* M* N* Co S*''")');
CREATE TABLE IF NOT EXISTS 'title_index_data'(id INTEGER PRIMARY KEY, block BLOB);
INSERT INTO title_index_data VALUES(1,X'020800');
INSERT INTO title_index_data VALUES(10,X'000000000102020002010101020101');
INSERT INTO title_index_data VALUES(137438953473,X'0000007002306101020201026f66010204010474616c65010203020268650102050303697264010206010776657273696f6e0102070003316f6601020401027461010203020168010405030102766501020700043274616c0102030202686501020503016901020601037665720102070406070907080c08070707090706');
INSERT INTO title_index_data VALUES(274877906945,X'0000003805306177617902020301067468726f776e020202000331617702020301027468020202000432617761020203010374687202020204090b080709');
CREATE TABLE IF NOT EXISTS 'title_index_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
INSERT INTO title_index_idx VALUES(1,X'',2);
INSERT INTO title_index_idx VALUES(2,X'',2);
CREATE TABLE IF NOT EXISTS 'title_index_docsize'(id INTEGER PRIMARY KEY, sz BLOB);
INSERT INTO title_index_docsize VALUES(1,X'0600');
INSERT INTO title_index_docsize VALUES(2,X'0200');
CREATE TABLE IF NOT EXISTS 'title_index_config'(k PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO title_index_config VALUES('version',4);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('sessions',2);
INSERT INTO sqlite_sequence VALUES('messages',3);
INSERT INTO sqlite_sequence VALUES('operations',1);
CREATE INDEX messages_of_session ON messages(session, key);
CREATE INDEX messages_of_parent ON messages(parent);
CREATE INDEX messages_unfinished ON messages(key) WHERE finish_reason = 'partial';
CREATE INDEX operations_of_session ON operations(session, previous, key);
PRAGMA writable_schema=OFF;
PRAGMA application_id=1180787317;
PRAGMA user_version=3;
COMMIT;
