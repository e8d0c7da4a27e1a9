-- Whether nobody has proven any address of the identity since somebody registered it who was told nothing about the address: the
-- first verification ends that. NULL is no, as for all identities of before.
ALTER TABLE identity ADD COLUMN unproven {{bool}};
