local function digest(seed)
  local rows, sum = {}, 0
  for k = 1, 60000 do rows[k] = { id = k, name = ("row %d"):format(k * seed) } end
  table.sort(rows, function(a, b) return a.name < b.name end)
  for k, row in ipairs(rows) do sum = (sum * 31 + k * #row.name + row.id) % 2147483647 end
  local parts = {}
  for k = 1, 4000 do parts[k] = ("x"):rep(k % 97) .. k end
  local text = table.concat(parts, ",")
  local words = 0
  for _ in text:gmatch("x+%d+") do words = words + 1 end
  return sum .. " " .. #text .. " " .. words
end

for seed = 1, 4 do print(digest(seed)) end
local routines = {}
for k = 1, 20000 do
  routines[k] = coroutine.wrap(function() local sum = k; while true do sum = sum + coroutine.yield(sum) end end)
end
local total = 0
for round = 1, 5 do for k = 1, #routines do total = total + routines[k](round) end end
print(total)
collectgarbage()
print(collectgarbage("count") > 0)
