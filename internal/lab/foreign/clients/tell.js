// What each client shares: it prints what it got as lines of JSON, and ends with its standard input.
process.stdin.resume().on('end', () => process.exit());

const tell = (line) => console.log(JSON.stringify(line));
exports.tell = tell;

// What is asked for cannot be had here.
const unavailable = (why) => {
  tell({ event: 'unavailable', why });
  process.exit();
};
exports.unavailable = unavailable;
exports.needs = (name) => {
  try {
    require.resolve(name);
  } catch {
    unavailable(`${name} could not be installed`);
  }
};

exports.api = process.env.DISCORD_API; // http://…/api, without a version
exports.token = process.env.DISCORD_TOKEN;
exports.compression = process.env.COMPRESSION; // none, zlib-stream or zstd-stream
