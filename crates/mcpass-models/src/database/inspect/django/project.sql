-- As a Django project has it, with a second app that has a model of the same name.
CREATE TABLE django_migrations (id SERIAL, app varchar(255) NOT NULL, name varchar(255) NOT NULL);
CREATE TABLE django_content_type (id SERIAL, app_label varchar(100) NOT NULL, model varchar(100) NOT NULL);
CREATE TABLE auth_permission (id SERIAL, name varchar(255) NOT NULL, content_type_id bigint NOT NULL REFERENCES django_content_type (id), codename varchar(100) NOT NULL);
CREATE TABLE auth_user (id SERIAL, password varchar(128) NOT NULL, username varchar(150) NOT NULL);
CREATE TABLE shop_tag (id SERIAL, name varchar(40) NOT NULL);
CREATE TABLE shop_lineitem (id SERIAL, reference char(32) NOT NULL UNIQUE, --sqlite
CREATE TABLE shop_lineitem (id SERIAL, reference uuid NOT NULL UNIQUE, --postgres
    tag_id bigint REFERENCES shop_tag (id), code char(32),
    sold_at datetime NOT NULL); --sqlite
    sold_at timestamptz NOT NULL); --postgres
CREATE TABLE shop_lineitem_extras (id SERIAL, lineitem_id bigint NOT NULL REFERENCES shop_lineitem (id), tag_id bigint NOT NULL REFERENCES shop_tag (id), UNIQUE (lineitem_id, tag_id));
CREATE TABLE shop_accesstoken (id SERIAL, value varchar(40) NOT NULL);
CREATE TABLE press_tag (id SERIAL, word varchar(40) NOT NULL);
CREATE TABLE archive (id SERIAL, note text NOT NULL);
CREATE TABLE beside (id SERIAL, note text NOT NULL);
CREATE VIEW shop_bestseller AS SELECT id, reference FROM shop_lineitem;
INSERT INTO django_content_type VALUES (1, 'auth', 'user'), (2, 'auth', 'permission'),
    (3, 'contenttypes', 'contenttype'), (4, 'shop', 'tag'), (5, 'shop', 'lineitem'),
    (6, 'shop', 'accesstoken'), (7, 'press', 'tag'), (8, 'shop', 'bestseller'), (9, 'shop', 'past'),
    (10, 'shop', 'gone');
INSERT INTO auth_permission VALUES (1, 'Can view line item', 5, 'view_lineitem'),
    (2, 'Can sell line item', 5, 'sell_lineitem'), (3, 'Voir', 4, 'view_tag');
INSERT INTO shop_lineitem VALUES
    (1, '07000000000000000000000000000001', NULL, 'x', '2026-01-10 08:30:00.250000'); --sqlite
    (1, '07000000000000000000000000000001', NULL, 'x', '2026-01-10 08:30:00.250+00'); --postgres
