#!/usr/bin/env python3
"""Writes fabula_v1.sql: a database as its version 1 stood, filled by hand with what that version could hold. It is never made
again from newer code: databases of version 1 must open for ever.

    python3 make_v1_database.py > fabula_v1.sql
"""
import struct

SCHEMA = """
CREATE TABLE sessions(key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, mode TEXT NOT NULL, title TEXT NOT NULL,
  title_is_manual INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  model_path TEXT NOT NULL DEFAULT '', model_name TEXT NOT NULL DEFAULT '', model_fingerprint TEXT NOT NULL DEFAULT '',
  system TEXT NOT NULL, settings TEXT NOT NULL, draft TEXT NOT NULL DEFAULT '',
  current INTEGER REFERENCES messages(key) DEFERRABLE INITIALLY DEFERRED, in_trash INTEGER NOT NULL DEFAULT 0,
  pinned INTEGER NOT NULL DEFAULT 0, undo_op INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE messages(key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
  session INTEGER NOT NULL REFERENCES sessions(key), parent INTEGER REFERENCES messages(key) DEFERRABLE INITIALLY DEFERRED,
  depth INTEGER NOT NULL, role TEXT NOT NULL, text TEXT NOT NULL, tokenizer TEXT NOT NULL, created_at INTEGER NOT NULL,
  finish_reason TEXT NOT NULL, receipt TEXT, stats TEXT, deleted INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX messages_of_session ON messages(session, key);
CREATE INDEX messages_of_parent ON messages(parent);
CREATE INDEX messages_unfinished ON messages(key) WHERE finish_reason = 'partial';
CREATE TABLE message_tokens(message INTEGER NOT NULL REFERENCES messages(key), tokenizer TEXT NOT NULL, ids BLOB NOT NULL,
  PRIMARY KEY(message, tokenizer)) STRICT, WITHOUT ROWID;
CREATE TABLE operations(key INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER NOT NULL REFERENCES sessions(key),
  previous INTEGER NOT NULL, kind TEXT NOT NULL, joined INTEGER NOT NULL DEFAULT 0, before TEXT NOT NULL, after TEXT NOT NULL,
  created_at INTEGER NOT NULL) STRICT;
CREATE INDEX operations_of_session ON operations(session, previous, key);
"""
SESSION = "01890000-0000-7000-8000-000000000001"
TIME = 1741964966535


def message_id(number):
    return f"01890000-0000-7000-8000-1000000000{number:02d}"


def blob(ids):
    return "x'" + struct.pack(f"<{len(ids)}i", *ids).hex() + "'"


print("BEGIN;" + SCHEMA)
print(f"INSERT INTO sessions(id,mode,title,title_is_manual,created_at,updated_at,system,settings,draft,undo_op) VALUES("
      f"'{SESSION}','chat','An old chat',1,{TIME},{TIME},'Be kind.',"
      """'{"sampler":{"temperature":0.5},"seed":7,"max_tokens":64,"stop":["END"]}','half a tho',6);""")
rows = [("user", "What is a fabula?", "", None), ("assistant", "A story. 寓言", "stop", None), ("user", "And then?", "", None),
        ("assistant", "It was cut off in the mid", "partial", None)]
for number, (role, text, reason, _) in enumerate(rows, 1):
    parent = "NULL" if number == 1 else str(number - 1)
    print(f"INSERT INTO messages(id,session,parent,depth,role,text,tokenizer,created_at,finish_reason) VALUES("
          f"'{message_id(number)}',1,{parent},{number},'{role}','{text}','t',{TIME + number},'{reason}');")
    print(f"INSERT INTO message_tokens VALUES({number},'t',{blob([number, 2147483647, 0])});")
    before = "" if number == 1 else message_id(number - 1)
    print(f"INSERT INTO operations(session,previous,kind,joined,before,after,created_at) VALUES(1,{number - 1},'append',"
          f"{int(role == 'assistant')},'{{\"current\":\"{before}\"}}','{{\"current\":\"{message_id(number)}\"}}',{TIME + number});")
print("INSERT INTO operations(session,previous,kind,before,after,created_at) VALUES(1,4,'rename',"
      """'{"title":"What is a fabula?","title_is_manual":false}','{"title":"An old chat","title_is_manual":true}',"""
      f"{TIME + 9});")
print("INSERT INTO operations(session,previous,kind,before,after,created_at) VALUES(1,5,'system',"
      f"""'{{"system":""}}','{{"system":"Be kind."}}',{TIME + 10});""")
print("UPDATE sessions SET current = 4;")
print("PRAGMA application_id=1180787317; PRAGMA user_version=1; COMMIT;")
