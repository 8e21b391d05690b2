BEGIN;
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

INSERT INTO sessions(id,mode,title,title_is_manual,created_at,updated_at,system,settings,draft,undo_op) VALUES('01890000-0000-7000-8000-000000000001','chat','An old chat',1,1741964966535,1741964966535,'Be kind.','{"sampler":{"temperature":0.5},"seed":7,"max_tokens":64,"stop":["END"]}','half a tho',6);
INSERT INTO messages(id,session,parent,depth,role,text,tokenizer,created_at,finish_reason) VALUES('01890000-0000-7000-8000-100000000001',1,NULL,1,'user','What is a fabula?','t',1741964966536,'');
INSERT INTO message_tokens VALUES(1,'t',x'01000000ffffff7f00000000');
INSERT INTO operations(session,previous,kind,joined,before,after,created_at) VALUES(1,0,'append',0,'{"current":""}','{"current":"01890000-0000-7000-8000-100000000001"}',1741964966536);
INSERT INTO messages(id,session,parent,depth,role,text,tokenizer,created_at,finish_reason) VALUES('01890000-0000-7000-8000-100000000002',1,1,2,'assistant','A story. 寓言','t',1741964966537,'stop');
INSERT INTO message_tokens VALUES(2,'t',x'02000000ffffff7f00000000');
INSERT INTO operations(session,previous,kind,joined,before,after,created_at) VALUES(1,1,'append',1,'{"current":"01890000-0000-7000-8000-100000000001"}','{"current":"01890000-0000-7000-8000-100000000002"}',1741964966537);
INSERT INTO messages(id,session,parent,depth,role,text,tokenizer,created_at,finish_reason) VALUES('01890000-0000-7000-8000-100000000003',1,2,3,'user','And then?','t',1741964966538,'');
INSERT INTO message_tokens VALUES(3,'t',x'03000000ffffff7f00000000');
INSERT INTO operations(session,previous,kind,joined,before,after,created_at) VALUES(1,2,'append',0,'{"current":"01890000-0000-7000-8000-100000000002"}','{"current":"01890000-0000-7000-8000-100000000003"}',1741964966538);
INSERT INTO messages(id,session,parent,depth,role,text,tokenizer,created_at,finish_reason) VALUES('01890000-0000-7000-8000-100000000004',1,3,4,'assistant','It was cut off in the mid','t',1741964966539,'partial');
INSERT INTO message_tokens VALUES(4,'t',x'04000000ffffff7f00000000');
INSERT INTO operations(session,previous,kind,joined,before,after,created_at) VALUES(1,3,'append',1,'{"current":"01890000-0000-7000-8000-100000000003"}','{"current":"01890000-0000-7000-8000-100000000004"}',1741964966539);
INSERT INTO operations(session,previous,kind,before,after,created_at) VALUES(1,4,'rename','{"title":"What is a fabula?","title_is_manual":false}','{"title":"An old chat","title_is_manual":true}',1741964966544);
INSERT INTO operations(session,previous,kind,before,after,created_at) VALUES(1,5,'system','{"system":""}','{"system":"Be kind."}',1741964966545);
UPDATE sessions SET current = 4;
PRAGMA application_id=1180787317; PRAGMA user_version=1; COMMIT;
