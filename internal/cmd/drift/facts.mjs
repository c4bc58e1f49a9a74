// Prints, as JSON, what the types of a checkout of discord-api-types say about the gateway: the
// data of each event, every object reachable from there, and the enumerations. The TypeScript
// compiler resolves the types; nothing here knows an event by name.
//
//	node facts.mjs PACKAGE_DIR > facts.json
import { createRequire } from 'node:module';
import { resolve, join } from 'node:path';
import { readFileSync } from 'node:fs';

const root = resolve(process.argv[2] ?? '.');
const ts = createRequire(join(process.cwd(), 'package.json'))('typescript');

const main = join(root, 'v10.d.ts');
const program = ts.createProgram([main], {
	strict: true,
	noEmit: true,
	skipLibCheck: true,
	module: ts.ModuleKind.ESNext,
	moduleResolution: ts.ModuleResolutionKind.Bundler,
	target: ts.ScriptTarget.ESNext,
});
const checker = program.getTypeChecker();
const gateway = moduleOf('gateway/v10.d.ts');

function moduleOf(path) {
	const symbol = checker.getSymbolAtLocation(program.getSourceFile(join(root, path)));
	return new Map(checker.getExportsOfModule(symbol).map((s) => [s.name, s]));
}

const types = {}; // id -> { name, fields }
const enums = {}; // name -> { member: value }

const isObject = (t) => (t.flags & ts.TypeFlags.Object) !== 0;
const parts = (t) => (t.isUnion() ? t.types : [t]);

// describe gives a type without null and undefined, which are the field's own matter.
function describe(type, path) {
	const members = parts(type).filter((t) => !(t.flags & (ts.TypeFlags.Null | ts.TypeFlags.Undefined)));
	if (members.length === 0) return { kind: 'null' };
	if (members.every((t) => t.flags & ts.TypeFlags.BooleanLike)) {
		const only = members.filter((t) => t.intrinsicName).map((t) => t.intrinsicName);
		return only.length === 1 && only[0] !== 'boolean' ? { kind: 'boolean', only: only[0] } : { kind: 'boolean' };
	}
	if (members.every((t) => t.flags & ts.TypeFlags.EnumLike)) return enumeration(members);
	const described = unique(members.map((t) => one(t, path)));
	if (described.length === 1) return described[0];
	return { kind: 'union', of: described };
}

const unique = (list) => [...new Map(list.map((d) => [JSON.stringify(d), d])).values()];

function enumeration(members) {
	let name;
	const only = [];
	for (const t of members) {
		let symbol = t.symbol;
		if (symbol.flags & ts.SymbolFlags.EnumMember) {
			only.push(t.value);
			symbol = checker.getSymbolAtLocation(symbol.declarations[0].parent.name);
		}
		name = symbol.name;
		enums[name] ??= membersOf(symbol);
	}
	const described = { kind: 'enum', name };
	if (only.length > 0 && only.length < Object.keys(enums[name]).length) described.only = only.sort();
	return described;
}

function membersOf(symbol) {
	const members = {};
	for (const declaration of symbol.declarations.filter(ts.isEnumDeclaration))
		for (const member of declaration.members) members[member.name.getText()] = checker.getConstantValue(member);
	return members;
}

function one(type, path) {
	if (type.flags & ts.TypeFlags.StringLiteral) return { kind: 'string', only: type.value };
	if (type.flags & ts.TypeFlags.NumberLiteral) return { kind: 'number', only: type.value };
	if (type.flags & ts.TypeFlags.BooleanLike) return { kind: 'boolean' };
	if (type.flags & (ts.TypeFlags.StringLike | ts.TypeFlags.TemplateLiteral)) return { kind: 'string' };
	if (type.flags & ts.TypeFlags.NumberLike) return { kind: 'number' };
	if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown | ts.TypeFlags.TypeParameter)) return { kind: 'any' };
	if (checker.isTupleType(type)) return { kind: 'tuple', of: checker.getTypeArguments(type).map((t, i) => describe(t, `${path}.${i}`)) };
	if (checker.isArrayType(type)) return { kind: 'array', of: describe(checker.getTypeArguments(type)[0], `${path}[]`) };
	const index = checker.getIndexInfosOfType(type);
	if (index.length > 0) return { kind: 'map', of: describe(index[0].type, `${path}{}`) };
	if (isObject(type) || type.isIntersection()) return object(type, path);
	throw new Error(`${path}: ${checker.typeToString(type)} is not understood`);
}

function object(type, path) {
	const id = `t${type.id}`;
	if (types[id]) return { kind: 'object', ref: id };
	const named = type.aliasSymbol ?? (type.symbol && type.symbol.name !== '__type' ? type.symbol : undefined);
	const entry = (types[id] = { name: named ? named.name : path, fields: {} });
	for (const property of checker.getPropertiesOfType(type)) {
		const of = checker.getTypeOfSymbol(property);
		if (checker.getSignaturesOfType(of, ts.SignatureKind.Call).length > 0) continue;
		if (of.flags & ts.TypeFlags.Never) continue;
		const declared = property.declarations?.[0];
		const field = { type: describe(of, `${entry.name}.${property.name}`) };
		if (property.flags & ts.SymbolFlags.Optional) field.optional = true;
		if (parts(of).every((t) => t.flags & ts.TypeFlags.Undefined)) continue;
		if (parts(of).some((t) => t.flags & ts.TypeFlags.Null)) field.nullable = true;
		if (declared?.type) field.text = declared.type.getText();
		const doc = ts.displayPartsToString(property.getDocumentationComment(checker));
		if (/ISO ?8601/i.test(doc)) field.time = true;
		entry.fields[property.name] = field;
	}
	return { kind: 'object', ref: id };
}

// payloadsOf walks a union of payloads and calls with each one's discriminator and data.
function payloadsOf(name, key, visit) {
	const type = checker.getDeclaredTypeOfSymbol(gateway.get(name));
	for (const payload of parts(type)) {
		const at = (property) => checker.getTypeOfSymbol(checker.getPropertyOfType(payload, property));
		for (const literal of parts(at(key))) visit(literal.value, at('d'));
	}
}

const events = {};
payloadsOf('GatewayDispatchPayload', 't', (name, data) => {
	if (!parts(data).every((t) => t.flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Unknown | ts.TypeFlags.Never))) events[name] = describe(data, name);
	else events[name] = { kind: 'null' };
});
const sends = {};
payloadsOf('GatewaySendPayload', 'op', (op, data) => {
	sends[op] = describe(data, `op${op}`);
});
for (const name of ['GatewayDispatchEvents', 'GatewayOpcodes', 'GatewayCloseCodes', 'GatewayIntentBits']) enums[name] = membersOf(gateway.get(name));
// The types of permissions are no enum and have no values: those are in the code.
const { PermissionFlagsBits } = createRequire(import.meta.url)(join(root, 'v10.js'));
enums.Permissions = Object.fromEntries(Object.entries(PermissionFlagsBits).map(([name, value]) => [name, String(value)]));
const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
process.stdout.write(JSON.stringify({ version, events, sends, types, enums }, null, '\t') + '\n');
