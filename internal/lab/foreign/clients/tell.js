// What each client shares: it prints what it got as lines of JSON, and ends with its standard input.
process.stdin.resume().on('end', () => process.exit());

const tell = (line) => console.log(JSON.stringify(line));
exports.tell = tell;

exports.needs = (name) => {
  try {
    require.resolve(name);
  } catch {
    tell({ event: 'unavailable', why: `${name} could not be installed` });
    process.exit();
  }
};

exports.api = process.env.DISCORD_API; // http://…/api, without a version
exports.token = process.env.DISCORD_TOKEN;
exports.compression = process.env.COMPRESSION; // none, zlib-stream or zstd-stream
